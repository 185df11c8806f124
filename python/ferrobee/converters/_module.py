"""Loads a converter, which is foreign code: only in processes of its own."""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import resource
import select
import stat
import sys
import traceback
import types
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee import converters
from ferrobee.converters import common, operations, steps
from ferrobee.converters._attributes import Cluster
from ferrobee.converters._capability import ConverterError, Place
from ferrobee.converters._definition import Definition
from ferrobee.converters._schema import close

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

    from ferrobee.converters._attributes import Json

__all__ = ["MEMORY", "bounded", "ended_with", "failure", "load"]

MEMORY = 512 * 1024 * 1024
"""The most address space that a process with foreign code gets, bytes."""
_IMPORT = re.compile("import name '(.*?)' from '(.*?)'")
_PARAMETER = re.compile(r"^(\w+)\S* got an unexpected keyword argument '(.*?)'")
_PACKAGE = str(Path(__file__).parent)


def bounded(memory: int = MEMORY, cpu: int | None = None) -> None:
    """Bounds what this process may use: address space in bytes, CPU time in seconds."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if cpu is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))


@contextmanager
def ended_with(pipe: IO[Any]) -> Iterator[None]:
    """Has this process ended, whatever it is doing, when the other end of a pipe is closed.

    That of a bridge is when it was killed. Nothing may come or be taken at that end meanwhile: the
    signal is the same, SIGIO, which ends a process that does not expect it. On Linux; elsewhere
    pipes do not send it. What is no pipe is left alone: a person's terminal.
    """
    if not stat.S_ISFIFO(os.fstat(pipe.fileno()).st_mode):
        yield
        return
    flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, flags | os.O_ASYNC)
    try:
        # It may have been closed already.
        look = select.poll()
        look.register(pipe, 0)
        if look.poll(0):
            os._exit(1)
        yield
    finally:
        fcntl.fcntl(pipe, fcntl.F_SETFL, flags)


def load(name: str, *, module: bool = False, text: Path | None = None) -> list[type[Definition]]:
    """Loads a file or an installed module; gives the definitions in it, in order.

    `text`: where the source is that is run as if it stood in the file.
    """
    if module:
        importlib.import_module(name)
        found = [
            cls
            for cls in Definition._all
            if cls.__module__ == name or cls.__module__.startswith(f"{name}.")
        ]
    else:
        path = Path(name)
        source = (text or path).read_bytes()
        # Not the file's own name: a converter may be called json.py.
        own = f"_converter_{path.stem}"
        loaded = types.ModuleType(own)
        loaded.__file__ = name
        # Annotations of dataclasses are looked up there.
        sys.modules[own] = loaded
        sys.path.insert(0, str(path.parent))
        exec(compile(source, name, "exec"), loaded.__dict__)  # noqa: S102
        found = [cls for cls in Definition._all if cls.__module__ == own]
    # A base class of several definitions is none itself.
    return [cls for cls in found if "match" in cls.__dict__ or not cls.__subclasses__()]


def failure(error: BaseException, file: str) -> dict[str, Json]:
    """What went wrong, with the line of the converter that it went wrong at."""
    place = error.place if isinstance(error, ConverterError) else None
    if place is None and isinstance(error, SyntaxError) and error.filename:
        place = Place(error.filename, error.lineno or 1)
    if place is None:
        place = _last_line(error, file)
    told: dict[str, Json] = {
        "type": type(error).__name__,
        "text": _text(error),
        "file": place.file if place else file,
        "line": place.line if place else None,
    }
    if advice := _advice(error):
        told["suggestion"] = advice
    return told


def _advice(error: BaseException) -> str:
    """The name that was probably meant."""
    match error:
        case ConverterError():
            return error.suggestion
        case AttributeError(obj=obj, name=str() as name) if obj is not None:
            words = [word for word in dir(obj) if not word.startswith("_")]
            return close(name, words)
        case NameError(name=str() as name) if name in converters.__all__:
            return f"from ferrobee.converters import {name}"
        case NameError(name=str() as name):
            return close(name, list(converters.__all__))
        case ImportError() if found := _IMPORT.search(str(error)):
            module = sys.modules.get(found[2])
            return close(found[1], [word for word in dir(module) if not word.startswith("_")])
        case TypeError() if found := _PARAMETER.search(str(error)):
            places = (converters, common, steps, operations)
            named = next((one for place in places if (one := getattr(place, found[1], None))), None)
            return close(found[2], list(signature(named).parameters)) if named else ""
        case _:
            return ""


def _text(error: BaseException) -> str:
    match error:
        case ConverterError():
            return error.text
        case SyntaxError():
            return error.msg
        case MemoryError():
            return f"it used more than {MEMORY // 1024 // 1024} MB of memory"
        case AttributeError(obj=Cluster() as cluster, name=name):
            return f"the cluster {cluster.name or hex(cluster.id)} has no '{name}'"
        case ImportError() if found := _IMPORT.search(str(error)):
            return f"{found[2]} has no '{found[1]}'"
        case TypeError() if found := _PARAMETER.search(str(error)):
            return f"there is no parameter '{found[2]}'"
        case _:
            return str(error) or type(error).__name__


def _last_line(error: BaseException, file: str) -> Place | None:
    """The innermost line of the converter, else of whatever is neither ours nor Python's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file]
    others = [
        frame
        for frame in frames
        if not frame.filename.startswith((_PACKAGE, sys.base_prefix, "<frozen"))
    ]
    for frame in reversed(own or others):
        return Place(frame.filename, frame.lineno or 1)
    return None
