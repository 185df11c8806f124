"""All converters of a house: the files of a directory and installed packages, as the bridge wants
them.

Each is compiled in a process of its own. What did not change is not compiled again, also not at
the next start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ferrobee.converters._cache import Cache
from ferrobee.converters.compile import (
    CompiledDefinition,
    CompileError,
    command,
    compiled,
    compiled_with,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ferrobee.converters._attributes import Json

__all__ = ["Change", "Converters", "Entry", "Origin", "files", "packages"]

GROUP = "ferrobee.converters"
"""The group of entry points that name modules with converters."""
_KEPT = 3
"""How many versions of a file's source are kept for workers."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where definitions come from."""

    kind: Literal["user", "package"]
    name: str
    file: str
    version: str
    """A digest of the file, or the version of the package."""

    def data(self) -> dict[str, Json]:
        """The origin as the bridge wants it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "file": self.file,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """A converter: its definitions, or why there are none."""

    origin: Origin
    definitions: list[CompiledDefinition] = field(default_factory=list)
    worker: list[str] | None = None
    error: CompileError | None = None
    source: str | None = None
    """The text of a file of the directory."""

    def data(self) -> dict[str, Json]:
        """The converter as the bridge wants it."""
        told: dict[str, Json] = {"origin": self.origin.data()}
        if self.source is not None:
            told["source"] = self.source
        if self.error is not None:
            return {**told, "error": str(self.error)}
        return {
            **told,
            "definitions": [one.definition for one in self.definitions],
            "worker": self.worker,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a converter: it was loaded, failed to load, or is gone."""

    origin: Origin
    kind: Literal["loaded", "failed", "removed"]
    text: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A converter that is there, not compiled yet."""

    kind: Literal["user", "package"]
    name: str
    """Of the file, or of the package with its entry point."""
    target: str
    """The file, or the module."""
    version: str


def files(directory: Path) -> list[Path]:
    """The converters of a directory; names with a leading `_` are parts of others."""
    if not directory.is_dir():
        return []
    return sorted(
        path
        for path in directory.iterdir()
        if path.suffix == ".py" and not path.name.startswith(("_", ".")) and path.is_file()
    )


def packages() -> list[metadata.EntryPoint]:
    """Entry points of installed packages with converters."""
    return sorted(metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value))


class Converters:
    """The converters of a directory and of packages, compiled.

    `close` removes what was written for workers.
    """

    def __init__(self, directory: Path, *, with_packages: bool = True) -> None:
        # `bridge/devices` names files: for readers who are somewhere else.
        self.directory = directory.absolute()
        self.entries: list[Entry] = []
        self._with_packages = with_packages
        self._known: dict[_Found, Entry] = {}
        self._cache = Cache(self.directory)
        self._sources = Path(tempfile.mkdtemp(prefix="ferrobee-converters-"))

    def close(self) -> None:
        """Removes the copies of sources."""
        shutil.rmtree(self._sources, ignore_errors=True)

    def refresh(self) -> list[Change]:
        """Compiles what is new or changed; says what happened. Not for an event loop."""
        found = [*self._files(), *self._packages()]
        new = [one for one in found if one not in self._known]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            entries = dict(zip(new, pool.map(self._compile, new), strict=True))
        before = {(one.kind, one.name): one for one in self._known}
        changes = [_change(entries[one]) for one in new]
        there = {(one.kind, one.name) for one in found}
        for place, one in before.items():
            if place not in there:
                origin = self._known[one].origin
                changes.append(Change(origin, "removed", f"{origin.file}: removed"))
        known = {**self._known, **entries}
        self._known = {one: known[one] for one in found}
        self.entries = list(self._known.values())
        return changes

    def json(self) -> str:
        """All converters, for `Bridge.set_converters`."""
        return json.dumps([entry.data() for entry in self.entries], ensure_ascii=False)

    def _files(self) -> Iterable[_Found]:
        shared = hashlib.sha256()
        if self.directory.is_dir():
            for path in sorted(self.directory.glob("_*.py")):
                shared.update(_content(path))
        for path in files(self.directory):
            digest = shared.copy()
            digest.update(_content(path))
            yield _Found("user", path.name, str(path), digest.hexdigest()[:16])

    def _packages(self) -> Iterable[_Found]:
        for point in packages() if self._with_packages else ():
            name = point.dist.name if point.dist else point.name
            version = point.dist.version if point.dist else ""
            yield _Found("package", f"{name}:{point.name}", point.module, version)

    def _compile(self, found: _Found) -> Entry:
        origin = Origin(found.kind, found.name, found.target, found.version)
        module, source = found.kind == "package", None
        try:
            text = None if module else self._copy(found)
            source = None if text is None else text.read_text("utf-8", errors="replace")
            definitions = self._definitions(found, text, source)
        except CompileError as error:
            return Entry(origin, error=error, source=source)
        except OSError as error:
            reason = error.strerror or str(error)
            return Entry(origin, error=CompileError("unreadable", reason, found.target))
        if module and definitions:
            origin = Origin("package", found.name, definitions[0].file, found.version)
        worker = None
        if any(one.functions for one in definitions):
            extra = ["--module"] if module else ["--text", str(text)]
            worker = [*command("worker"), found.target, *extra]
        return Entry(origin, definitions, worker, source=source)

    def _definitions(
        self, found: _Found, text: Path | None, source: str | None
    ) -> list[CompiledDefinition]:
        if text is None or source is None:
            return compiled(found.target, module=True)
        file, content = Path(found.target), source.encode()
        if (known := self._cache.get(file, content)) is not None:
            return known
        definitions, imports = compiled_with(file, text=text)
        self._cache.put(file, content, definitions, imports)
        return definitions

    def _copy(self, found: _Found) -> Path:
        """The source as it is now: what is compiled is what a worker runs later, whatever happens
        to the file until then."""
        content = Path(found.target).read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        folder = self._sources / found.name
        folder.mkdir(exist_ok=True)
        copy = folder / f"{digest}.py"
        copy.write_bytes(content)
        older = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in older[:-_KEPT]:
            path.unlink()
        return copy


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # It is told when it is compiled.
        return b""


def _change(entry: Entry) -> Change:
    if entry.error is not None:
        return Change(entry.origin, "failed", str(entry.error))
    models = ", ".join(one.definition["model"] for one in entry.definitions) or "no definition"
    return Change(entry.origin, "loaded", f"{entry.origin.file}: {models}")
