"""Loads a converter, which is foreign code: only in processes of its own."""

from __future__ import annotations

import importlib
import resource
import sys
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee.converters._capability import ConverterError, Place
from ferrobee.converters._definition import Definition

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json

__all__ = ["MEMORY", "bounded", "failure", "load"]

MEMORY = 512 * 1024 * 1024
"""The most address space that a process with foreign code gets, bytes."""
_PACKAGE = str(Path(__file__).parent)


def bounded(memory: int = MEMORY, cpu: int | None = None) -> None:
    """Bounds what this process may use: address space in bytes, CPU time in seconds."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    if cpu is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))


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
    if isinstance(error, ConverterError) and error.suggestion:
        told["suggestion"] = error.suggestion
    return told


def _text(error: BaseException) -> str:
    if isinstance(error, ConverterError):
        return error.text
    if isinstance(error, SyntaxError):
        return error.msg
    if isinstance(error, MemoryError):
        return f"it used more than {MEMORY // 1024 // 1024} MB of memory"
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
