"""Loads automation files: each is a module of its own, with a scope of its own.

Loading changes nothing that runs: handlers, machines and timers are declared, checked, and handed
over as a `File`, which the runtime puts in the place of the one before.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee._automations.router import Router
from ferrobee._names import meant
from ferrobee._scope import Scope, entered
from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType

    from ferrobee._automations.machine import Machine
    from ferrobee._automations.router import Handler
    from ferrobee._home import Home

__all__ = ["LIB", "File", "LoadError", "find", "load", "load_aside"]

LIB = "lib"
"""The folder for modules that automations import: `from lib.notify import send`."""
LOAD_SECONDS = 30.0
"""A file whose import takes longer is given up."""


class LoadError(FerrobeeError):
    """A file can't be loaded. The text names the file, the line and the reason."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        super().__init__(f"{path}{'' if line is None else f', line {line}'}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(slots=True, eq=False, weakref_slot=True)
class File:
    """A file as it was loaded."""

    id: str
    path: Path
    scope: Scope
    module: ModuleType | None
    """Kept alive here. None for a script, which is `__main__`."""
    source: bytes = b""
    handlers: dict[str, Handler] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)

    def declare(self) -> None:
        """Takes what the router holds. `LoadError` if two machines have one id."""
        self.handlers = self.scope.router.handlers()
        self.machines = {}
        for machine in self.scope.router.machines():
            if machine.id in self.machines or machine.id in self.handlers:
                raise LoadError(
                    self.path,
                    machine._line,
                    f"there is a {machine.id} already; give this one a name: "
                    f'{type(machine).__name__}("kitchen")',
                )
            self.machines[machine.id] = machine

    def left_out(self) -> list[str]:
        """Routers of the module that have handlers and belong to nothing: they would never run."""
        module = self.module or sys.modules["__main__"]
        # A file may replace its names while another thread looks.
        routers = [value for value in list(vars(module).values()) if isinstance(value, Router)]
        within = {id(one) for one in self.scope.router.routers()}
        outside = [one for one in routers if id(one) not in within]
        inner = {id(one) for outer in outside for one in outer.routers() if one is not outer}
        return [
            f"{handler.where} belongs to {router!r}, which nothing includes: write include(...)"
            for router in outside
            if id(router) not in inner
            for handler in list(router.handlers().values())[:1]
        ]


def find(folder: Path) -> tuple[dict[str, Path], list[LoadError]]:
    """The automation files of a folder by id, and those that can't be because of their names.

    Sub-folders count too. Left out are names that begin with `_` or `.`, the folder `lib`, tests
    (`test_*.py`, `conftest.py`, folders called `tests`), and modules with their types beside them
    (`ferrobee stubs`).
    """
    files: dict[str, Path] = {}
    errors = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if parts[0] == LIB or any(part.startswith(("_", ".")) for part in parts):
            continue
        if "tests" in parts or path.name.startswith("test_") or path.name == "conftest.py":
            continue
        if path.with_suffix(".pyi").exists():
            continue
        other = files.setdefault(path.stem, path)
        if other != path:
            reason = f"its id would be {path.stem!r}, as that of {other}; rename one of them"
            errors.append(LoadError(path, None, reason))
    return files, errors


def load(path: Path, home: Home | None) -> File:
    """Imports a file. Raises `LoadError`; then nothing has changed."""
    id = path.stem  # noqa: A001
    scope = Scope(id, home)
    name = f"automations.{id}"
    loader = _Loader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    if spec is None:
        raise LoadError(path, None, "it is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and type hints look their module up while it is imported.
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with entered(scope):
            loader.exec_module(module)
        file = File(id, path, scope, module, loader.source)
        file.declare()
    except BaseException as error:
        for connected in scope.homes:
            connected.close()
        if before is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = before
        if isinstance(error, LoadError | KeyboardInterrupt):
            raise
        raise _explained(path, error) from error
    return file


def load_aside(path: Path, home: Home | None) -> tuple[Future[File], Callable[[], int | None]]:
    """Imports a file in a thread of its own: a slow import holds nobody up.

    A thread that never ends is left behind, and doesn't keep the process from ending. The second
    result says which line of the file it is at.
    """
    future: Future[File] = Future()
    # It has begun: who does not wait for it any more, because everything ends, can't cancel it.
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(load(path, home))
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name=f"ferrobee-load-{path.stem}", daemon=True)
    thread.start()

    def where() -> int | None:
        frame = sys._current_frames().get(thread.ident or 0)
        while frame is not None and frame.f_code.co_filename != str(path):
            frame = frame.f_back
        return None if frame is None else frame.f_lineno

    return future, where


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles what is in the file now: a cache would know it by its size and second only."""

    source = b""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source."""
        path = self.get_filename(fullname)
        self.source = self.get_data(path)
        code: CodeType = self.source_to_code(self.source, path)
        return code


def _explained(path: Path, error: BaseException) -> LoadError:
    """Where and why an import failed."""
    if isinstance(error, SyntaxError) and error.filename:
        reason = f"{type(error).__name__}: {error.msg}"
        return LoadError(Path(error.filename), error.lineno, reason)
    if isinstance(error, OSError) and error.filename == str(path):
        return LoadError(path, None, error.strerror or str(error))
    line, link = None, error.__traceback__
    while link is not None:
        if link.tb_frame.f_code.co_filename == str(path):
            line = link.tb_lineno
        link = link.tb_next
    text = f"{error}{meant(error)}"
    return LoadError(
        path, line, f"{type(error).__name__}: {text}" if text else type(error).__name__
    )
