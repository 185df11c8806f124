"""Power cuts: what a process did to its files is recorded, and played back up to any moment.

`recorder.c`, preloaded, writes down each call that changes a file. A `Disk` plays the calls. What a
power cut leaves is what was synced, and of the rest whatever chance wants: POSIX promises no more.
So writes since the last `fsync` of a file are there or not, each sector of 512 bytes by itself; new
names, renames and removals since the last `fsync` of their folder are there or not.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

__all__ = ["Disk", "Done", "Keep", "Recorder", "choices", "lay"]

SECTOR = 512
HEAD = struct.Struct("<ciqII")

Keep = Callable[[], bool]
"""Whether something that was not synced is there after all; asked once for each part."""


@dataclass(frozen=True, slots=True)
class Done:
    """A call that succeeded."""

    what: str
    """O open, D open a folder, W write, T truncate, S sync, R rename, U remove, M make a folder; !
    is what was printed."""
    handle: int
    at: int
    one: bytes
    two: bytes

    @property
    def path(self) -> str:
        return self.one.decode()


class Recorder:
    """Records what a process does below a folder."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self._library = scratch / "recorder.so"
        self._records = scratch / "records"
        source = Path(__file__).with_name("recorder.c")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", self._library, source, "-ldl"], check=True
        )

    @property
    def environment(self) -> dict[str, str]:
        """What the process is given. Programs that it starts itself are not recorded."""
        return {
            "LD_PRELOAD": str(self._library),
            "RECORD_BELOW": str(self.folder),
            "RECORD_TO": str(self._records),
        }

    def killing(self, name: str, number: int) -> dict[str, str]:
        """The same; the process is killed right before its `number`th write or sync of a file whose
        name begins like this."""
        return {**self.environment, "KILL_IN": name, "KILL_AT": str(number)}

    def done(self) -> list[Done]:
        """What it did, in order."""
        told, at, done = self._records.read_bytes(), 0, []
        while at < len(told):
            what, handle, place, one, two = HEAD.unpack_from(told, at)
            at += HEAD.size
            parts = told[at : at + one], told[at + one : at + one + two]
            done.append(Done(what.decode(), handle, place, *parts))
            at += one + two
        return done


@dataclass(eq=False)
class Node:
    """A file or a folder."""

    is_folder: bool = False
    kept: bytes = b""
    """Of a file, on the disk."""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes and truncations since the last sync: where, and what (None: cut off there)."""

    def content(self, keep: Keep) -> bytes:
        """Of a file, with those of the pending writes that are kept."""
        if not self.pending:
            return self.kept
        found = bytearray(self.kept)
        for at, data in self.pending:
            if data is None:
                if keep():
                    del found[at:]
                    found.extend(bytes(at - len(found)))
                continue
            for begin, end in sectors(at, len(data)):
                if keep():
                    found.extend(bytes(max(0, begin - len(found))))
                    found[begin:end] = data[begin - at : end - at]
        return bytes(found)


def sectors(at: int, length: int) -> Iterator[tuple[int, int]]:
    """The parts of a write that are on the disk or not as one."""
    end = at + length
    while at < end:
        after = min(end, at - at % SECTOR + SECTOR)
        yield at, after
        at = after


Names = dict[str, Node]
Entry = tuple[str, "Node | None"]


class Disk:
    """What calls have made of the files below a folder, which was as given before."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names: Names = {self._folder: Node(is_folder=True)}
        for path in sorted(folder.rglob("*")):
            is_folder = path.is_dir()
            content = b"" if is_folder else path.read_bytes()
            self._names[str(path)] = Node(is_folder, content)
        self._kept = dict(self._names)
        # Changes of names since the last sync of their folder: the folder, and its entries, as one.
        self._pending: list[tuple[str, list[Entry]]] = []
        self._open: dict[int, Node] = {}
        self._folders: dict[int, str] = {}

    def play(self, done: Done) -> None:
        """One call more."""
        match done.what:
            case "O":
                self._opened(done)
            case "D":
                self._folders[done.handle] = done.path.rstrip("/")
            case "W":
                self._open[done.handle].pending.append((done.at, done.one))
            case "T":
                self._open[done.handle].pending.append((done.at, None))
            case "S" if done.handle in self._folders:
                self._synced(self._folders[done.handle])
            case "S":
                node = self._open[done.handle]
                node.kept = node.content(lambda: True)
                node.pending.clear()
            case "R":
                target = done.two.decode()
                assert Path(target).parent == Path(done.path).parent
                self._changed(done.path, [(target, self._names[done.path]), (done.path, None)])
            case "U":
                self._changed(done.path, [(done.path, None)])
            case "M":
                self._changed(done.path, [(done.path, Node(is_folder=True))])

    def after_cut(self, keep: Keep) -> dict[str, bytes]:
        """The files after a power cut, with those of the pending changes that are kept."""
        names = dict(self._kept)
        for _, entries in self._pending:
            if keep():
                _apply(names, entries)
        # What is in a folder that is not there is not there.
        reached = {self._folder}
        for path in sorted(names):
            if str(Path(path).parent) in reached and names[path].is_folder:
                reached.add(path)
        return {
            path: node.content(keep)
            for path, node in names.items()
            if not node.is_folder and str(Path(path).parent) in reached
        }

    def now(self) -> dict[str, bytes]:
        """The files as every process sees them, and as `kill -9` leaves them."""
        return {
            path: node.content(lambda: True)
            for path, node in self._names.items()
            if not node.is_folder
        }

    def synced(self) -> dict[str, bytes]:
        """What is there whatever happens."""
        return self.after_cut(lambda: False)

    def _opened(self, done: Done) -> None:
        if done.at & 1:
            self._changed(done.path, [(done.path, Node())])
        node = self._names[done.path]
        if done.at & 2 and not done.at & 1:
            node.pending.append((0, None))
        self._open[done.handle] = node

    def _changed(self, path: str, entries: list[Entry]) -> None:
        _apply(self._names, entries)
        self._pending.append((str(Path(path).parent), entries))

    def _synced(self, folder: str) -> None:
        left = []
        for change in self._pending:
            if change[0] == folder:
                _apply(self._kept, change[1])
            else:
                left.append(change)
        self._pending = left


def _apply(names: Names, entries: list[Entry]) -> None:
    for path, node in entries:
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def choices(chance: random.Random) -> dict[str, Keep]:
    """What becomes of what was not synced: nothing, all, or each as chance wants."""
    often = chance.choice([0.1, 0.5, 0.9, 0.98])
    return {
        "nothing": lambda: False,
        "everything": lambda: True,
        "something": lambda: chance.random() < often,
    }


def lay(files: dict[str, bytes], folder: Path, into: Path) -> Path:
    """Puts the files of a disk into a new folder, as the next process finds them."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for path, content in files.items():
        place = into / os.path.relpath(path, folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return into
