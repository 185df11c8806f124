"""Definitions of files as they were compiled, so that a start need not load each file again.

They are JSON in `converters/__pycache__`, one file per converter. What is there counts for the same
text, the same ferrobee and Python, and the same files that it imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee import __version__
from ferrobee.converters.compile import CompiledDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Cache"]


class Cache:
    """The compiled files of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._programs = f"{__version__} {_built()} {sys.version}"

    def get(self, file: Path, content: bytes) -> list[CompiledDefinition] | None:
        """The definitions of a file with this content; None if they are not known."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._place(file).read_text("utf-8"))
            if kept["key"] == self._key(file, content) and kept["imports"] == _digests(
                kept["imports"]
            ):
                return [CompiledDefinition.of(one) for one in kept["definitions"]]
        return None

    def put(
        self,
        file: Path,
        content: bytes,
        definitions: list[CompiledDefinition],
        imports: Iterable[str],
    ) -> None:
        """Keeps definitions. Where nothing can be written, the file is compiled at each start."""
        place = self._place(file)
        beside = place.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            kept = {
                "key": self._key(file, content),
                "imports": _digests(imports),
                "definitions": [asdict(one) for one in definitions],
            }
            place.parent.mkdir(exist_ok=True)
            beside.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
            beside.replace(place)

    def _place(self, file: Path) -> Path:
        return self._directory / "__pycache__" / f"{file.stem}.converter.json"

    def _key(self, file: Path, content: bytes) -> str:
        about = f"{self._programs}\0{file}\0"
        return hashlib.sha256(about.encode() + content).hexdigest()


def _built() -> float:
    """When this version was installed, for those who change ferrobee itself."""
    folder = Path(__file__).parent
    return max(file.stat().st_mtime for file in folder.glob("*.py"))


def _digests(paths: Iterable[str]) -> dict[str, str]:
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}
