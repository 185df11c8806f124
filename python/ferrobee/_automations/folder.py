"""A folder of automation files: loaded, and swapped when they are saved."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from ferrobee._automations.loader import LIB, LOAD_SECONDS, File, LoadError, find, load_aside
from ferrobee._automations.runner import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ferrobee._automations.runtime import Runtime

__all__ = ["Folder"]

GONE_SECONDS = 2.0
"""A file that is gone for so long is taken away. Editors put a new one in the place of the old."""


class Folder:
    """The automation files of a data directory."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self.path = path
        self.errors: dict[str, LoadError] = {}
        """Why files are not loaded in their present version, by id."""
        self.changed: Callable[[], None] = lambda: None
        """Called when `errors` have changed."""
        self._runtime = runtime
        self._tried: dict[str, bytes] = {}
        self._lib: dict[Path, bytes] = {}

    async def open(self) -> None:
        """Loads all files. Those that can't be loaded are named in the log."""
        # For `from lib.notify import send`, as in a script beside it.
        if str(self.path) not in sys.path:
            sys.path.append(str(self.path))
        self._lib = self._read_lib()
        await self.refresh()
        # Those of a file that has a mistake today are kept.
        there = {*find(self.path)[0], *self._runtime.files}
        for owner in self._runtime.durable.owners() - there:
            self._runtime.durable.forget(owner, set())

    def close(self) -> None:
        """Forgets the modules that the files imported from the folder."""
        if str(self.path) in sys.path:
            sys.path.remove(str(self.path))
        self._purge_lib()

    async def refresh(self) -> None:
        """Swaps the files that have changed, loads new ones, takes away those that are gone."""
        files, doubles = find(self.path)
        errors = {f"{error.path.stem} ({error.path})": error for error in doubles}
        lib = self._read_lib()
        everything = lib != self._lib
        if everything:
            self._lib = lib
            self._purge_lib()
        ready = []
        for id, path in files.items():  # noqa: A001
            source = _read(path)
            if everything or source is None or self._tried.get(id) != source:
                self._tried[id] = source or b""
                try:
                    ready.append(await self._load(path))
                except LoadError as error:
                    errors[id] = error
            elif id in self.errors:
                errors[id] = self.errors[id]
        for file in ready:
            self._install(file)
        for id in set(self._runtime.files) - set(files):  # noqa: A001
            await self._remove_if_gone(id)
        self._tell(errors)

    async def follow(self) -> None:
        """Refreshes whenever something in the folder has changed, until cancelled."""
        from watchfiles import PythonFilter, awatch

        async for _ in awatch(self.path, watch_filter=PythonFilter()):
            try:
                await self.refresh()
            except OSError as error:
                log.error("automations: %s can't be read: %s", self.path, error)

    async def _load(self, path: Path) -> File:
        loading = asyncio.wrap_future(load_aside(path, self._runtime.home))
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                return await loading
        except TimeoutError:
            reason = f"its import has not ended within {LOAD_SECONDS:g} s"
            raise LoadError(path, None, reason) from None

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

    async def _remove_if_gone(self, id: str) -> None:  # noqa: A002
        await asyncio.sleep(GONE_SECONDS)
        files, _ = find(self.path)
        if id in files:
            return
        self._tried.pop(id, None)
        await self._runtime.remove(id)
        log.info("%s is gone: its handlers and timers are removed", id)

    def _tell(self, errors: dict[str, LoadError]) -> None:
        for id, error in errors.items():  # noqa: A001
            if str(error) != str(self.errors.get(id)):
                goes_on = "; the version before goes on" if id in self._runtime.files else ""
                log.error("%s%s", error, goes_on)
        if errors != self.errors:
            self.errors = errors
            self.changed()

    def _read_lib(self) -> dict[Path, bytes]:
        found = {}
        for path in sorted((self.path / LIB).rglob("*.py")):
            source = _read(path)
            if source is not None:
                found[path] = source
        return found

    def _purge_lib(self) -> None:
        """Has the modules of `lib` imported anew; files that run keep those they have."""
        folder = str(self.path / LIB)
        for name, module in list(sys.modules.items()):
            if name == LIB or name.startswith(f"{LIB}."):
                places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
                if any(place and str(place).startswith(folder) for place in places):
                    del sys.modules[name]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
