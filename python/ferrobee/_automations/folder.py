"""A folder of automation files: loaded, and swapped when they are saved."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee._automations.loader import LIB, LOAD_SECONDS, File, LoadError, find, load_aside
from ferrobee._automations.runner import log
from ferrobee._watching import changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrobee._automations.runtime import Runtime

__all__ = ["Folder"]

COLLECT = 20
"""Swaps after which old versions are given back: each is a knot of references that only the
collector of cycles undoes, and left to itself that waits for thousands of objects more."""
GONE_SECONDS = 2.0
"""A file that is gone for so long is taken away. Editors put a new one in the place of the old."""
PATIENCE = 1.0
"""Seconds that other files wait for one whose import takes its time."""

Stamp = dict[Path, tuple[int, int, int]]
"""Files with what changes when they are written."""


class Folder:
    """The automation files of a data directory."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        # As imported modules name their files.
        self.path = path.absolute()
        self.errors: dict[str, LoadError] = {}
        """Why files are not loaded in their present version, by id."""
        self.changed: Callable[[], None] = lambda: None
        """Called when `errors` have changed."""
        self._runtime = runtime
        self._tried: dict[str, tuple[Path, bytes]] = {}
        # What automations imported from the folder, as it was before they did.
        self._parts: Stamp = {}
        self._stamp: Stamp = {}
        self._there = True
        # Since when files are gone, by the loop's clock.
        self._missing: dict[str, float] = {}
        # Imports that take their time.
        self._slow: dict[str, asyncio.Task[None]] = {}
        self._swaps = 0

    async def open(self) -> None:
        """Loads all files. Those that can't be loaded are named in the log."""
        # For `from lib.notify import send`, as in a script beside it.
        if str(self.path) not in sys.path:
            sys.path.append(str(self.path))
        await self._look()
        self._forget_gone()

    def close(self) -> None:
        """Forgets the modules that the files imported from the folder."""
        for task in self._slow.values():
            task.cancel()
        if str(self.path) in sys.path:
            sys.path.remove(str(self.path))
        self._purge_parts()

    async def refresh(self, stamp: Stamp | None = None) -> None:
        """Swaps the files that have changed, loads new ones, takes away those that are gone.

        `stamp`: what was in the folder a moment ago.
        """
        if stamp is None:
            stamp = _stamp_of(self.path)[1]
        files, doubles = find(self.path)
        parts = self._parts_of(stamp)
        everything = any(stamp.get(path) != before for path, before in self._parts.items()) or any(
            path not in self._parts and path.is_relative_to(self.path / LIB) for path in parts
        )
        if everything:
            self._purge_parts()
        errors = {f"{error.path.stem} ({error.path})": error for error in doubles}
        errors |= {id: error for id, error in self.errors.items() if id in files}  # noqa: A001
        for id, path in files.items():  # noqa: A001
            source = _read(path)
            # What is imported may be there now.
            again = everything or source is None or self._lacks_module(id)
            if again or self._tried.get(id) != (path, source):
                self._tried[id] = (path, source or b"")
                await self._load(id, path, errors)
        # Files of the folder that were imported count from now on. One that has changed meanwhile
        # is another one than that of the stamp.
        self._parts = self._parts_of(stamp)
        await self._take_away(files)
        self._tell(errors)

    async def follow(self) -> None:
        """Refreshes whenever something in the folder has changed, until cancelled.

        The folder may go and come, and be another one then.
        """
        async for _ in changes(self.path, recursive=True):
            try:
                await self._look()
            except OSError as error:
                log.error("%s can't be read: %s", self.path, error)

    async def _look(self) -> None:
        """Refreshes if there is a reason to."""
        there, stamp = await asyncio.to_thread(_stamp_of, self.path)
        if there != self._there:
            self._there = there
            if there:
                log.info("%s is there again", self.path)
                self._tried.clear()
                await self.refresh(stamp)
                self._forget_gone()
            else:
                await self._all_gone()
        elif stamp != self._stamp or self._missing:
            await self.refresh(stamp)
        self._stamp = stamp

    async def _load(self, id: str, path: Path, errors: dict[str, LoadError]) -> None:  # noqa: A002
        """Loads a file and has it run; one that takes its time is left to come later."""
        if (slow := self._slow.pop(id, None)) is not None:
            slow.cancel()
        errors.pop(id, None)
        file = asyncio.get_running_loop().create_task(self._loaded(path))
        done, _ = await asyncio.wait({file}, timeout=PATIENCE)
        if not done:
            self._slow[id] = asyncio.get_running_loop().create_task(self._finish(id, file))
            return
        try:
            self._install(file.result())
        except LoadError as error:
            errors[id] = error

    async def _finish(self, id: str, file: asyncio.Task[File]) -> None:  # noqa: A002
        errors = self.errors
        try:
            self._install(await file)
        except LoadError as error:
            errors = {**self.errors, id: error}
        finally:
            file.cancel()
        del self._slow[id]
        self._tell(errors)

    async def _loaded(self, path: Path) -> File:
        future, where = load_aside(path, self._runtime.home)
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            reason = f"its import has not ended within {LOAD_SECONDS:g} s"
            raise LoadError(path, where(), reason) from None

    def _lacks_module(self, id: str) -> bool:  # noqa: A002
        error = self.errors.get(id)
        return error is not None and error.reason.startswith(("ModuleNotFoundError", "ImportError"))

    def _install(self, file: File) -> None:
        again = file.id in self._runtime.files
        self._runtime.install(file)
        count = len(file.handlers) + len(file.machines)
        log.info(
            "%s %s: %d handler%s",
            file.path.name,
            "loaded again" if again else "loaded",
            count,
            "" if count == 1 else "s",
        )
        if again:
            self._swaps += 1
            if self._swaps % COLLECT == 0:
                gc.collect()

    async def _take_away(self, files: dict[str, Path]) -> None:
        """Takes away the files that are gone for long enough."""
        now = asyncio.get_running_loop().time()
        gone = set(self._runtime.files) - set(files)
        self._missing = {id: self._missing.get(id, now) for id in gone}  # noqa: A001
        for id in sorted(gone):  # noqa: A001
            if now - self._missing[id] >= GONE_SECONDS:
                del self._missing[id]
                self._tried.pop(id, None)
                await self._runtime.remove(id)
                log.info("%s is gone: its handlers and timers are removed", id)
        for id in set(self._slow) - set(files):  # noqa: A001
            self._slow.pop(id).cancel()

    async def _all_gone(self) -> None:
        """The folder itself is gone, perhaps with a disk: nothing in it runs, and timers wait."""
        await asyncio.sleep(GONE_SECONDS)
        if await asyncio.to_thread(self.path.is_dir):
            # Another one has taken its place.
            self._there = True
            await self.refresh()
            return
        log.warning("%s is gone: its automations stop, their timers wait for them", self.path)
        for id in sorted(self._runtime.files):  # noqa: A001
            await self._runtime.remove(id, keep=True)
        self._tried.clear()
        self._missing.clear()
        self._tell({})

    def _forget_gone(self) -> None:
        """Removes the timers of files that are not there; those with a mistake today are kept."""
        there = {*find(self.path)[0], *self._runtime.files}
        for owner in self._runtime.durable.owners() - there:
            self._runtime.durable.forget(owner, set())

    def _tell(self, errors: dict[str, LoadError]) -> None:
        for id, error in errors.items():  # noqa: A001
            if str(error) != str(self.errors.get(id)):
                goes_on = "; the version before goes on" if id in self._runtime.files else ""
                log.error("%s%s", error, goes_on)
        if errors != self.errors:
            self.errors = errors
            self.changed()

    def _parts_of(self, stamp: Stamp) -> Stamp:
        """What automations import from the folder: all of `lib`, and whatever else they did."""
        imported = set(self._imported().values())
        lib = self.path / LIB
        return {
            path: found
            for path, found in stamp.items()
            if path in imported or path.is_relative_to(lib)
        }

    def _imported(self) -> dict[str, Path]:
        """Modules that were imported from the folder, but for the automations themselves."""
        found = {}
        for name, module in list(sys.modules.items()):
            if name.startswith("automations."):
                continue
            # Packages without an `__init__` have a path only.
            for place in (getattr(module, "__file__", None), *_path_of(module)):
                if isinstance(place, str) and place.startswith(f"{self.path}/"):
                    found[name] = self.path / place
                    break
        return found

    def _purge_parts(self) -> None:
        """Has what was imported from the folder imported anew; files that run keep theirs."""
        for name in self._imported():
            module = sys.modules.pop(name, None)
            # Python knows what it has compiled by size and second only.
            if isinstance(cached := getattr(module, "__cached__", None), str):
                with contextlib.suppress(OSError):
                    Path(cached).unlink()


def _path_of(module: object) -> list[str]:
    with contextlib.suppress(Exception):
        return list(getattr(module, "__path__", ()))
    return []


def _stamp_of(folder: Path) -> tuple[bool, Stamp]:
    """Whether the folder is there, and what is in it."""
    stamp: Stamp = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        for name in names:
            if name.endswith((".py", ".pyi")):
                with contextlib.suppress(OSError):
                    path = Path(place, name)
                    found = path.stat()
                    stamp[path] = (found.st_ino, found.st_mtime_ns, found.st_size)
    return folder.is_dir(), stamp


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
