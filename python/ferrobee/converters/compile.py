"""Makes definitions of a converter: `python -m ferrobee.converters.compile FILE`.

A converter is foreign code, so that this is a program of its own, with limits of time and memory.
`compiled` runs it. It prints one line of JSON: `{"definitions": [{"definition", "name", "file",
"line", "places", "names", "captures"}], "imports": [...]}`, or with the exit status 1 `{"error":
{"type", "text", "file", "line", "suggestion"}}`. What the converter prints goes to the error
output.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee.converters._capability import ConverterError
from ferrobee.converters._module import MEMORY, bounded, ended_with, failure, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrobee.converters._attributes import Json

__all__ = ["CompileError", "CompiledDefinition", "compiled", "compiled_with", "main"]

SECONDS = 10
"""The most time that a converter may take to load."""


@dataclass(frozen=True, slots=True)
class CompileError(Exception):
    """Why a converter does not load."""

    type: str
    text: str
    file: str
    line: int | None = None
    suggestion: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        advice = f" ({self.suggestion})" if self.suggestion else ""
        return f"{where}: {self.type}: {self.text}{advice}"


@dataclass(frozen=True, slots=True)
class CompiledDefinition:
    """A definition as data, and where in the source its parts are."""

    definition: dict[str, Json]
    name: str
    """Of the class."""
    file: str
    line: int
    places: list[tuple[str, int]] = field(default_factory=list)
    """File and line of each capability."""
    names: list[str] = field(default_factory=list)
    """What the class calls each capability."""
    captures: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, told: dict[str, Json]) -> CompiledDefinition:
        """A definition from JSON."""
        return cls(**{**told, "places": [(file, line) for file, line in told["places"]]})

    @property
    def functions(self) -> bool:
        """True when it needs a worker."""
        return any(one["type"] == "python" for one in self.definition["capabilities"])


def compiled(
    name: str | Path, *, module: bool = False, text: Path | None = None, seconds: float = SECONDS
) -> list[CompiledDefinition]:
    """Has a file or an installed module made into definitions, by a process with limits.

    `text`: where the source is that stands for the file's. Raises `CompileError`.
    """
    return compiled_with(name, module=module, text=text, seconds=seconds)[0]


def compiled_with(
    name: str | Path, *, module: bool = False, text: Path | None = None, seconds: float = SECONDS
) -> tuple[list[CompiledDefinition], list[str]]:
    """The same, and the files that were imported for it: neither Python's nor ferrobee's."""
    arguments = [*command("compile"), str(name)]
    arguments += ["--module"] if module else []
    arguments += ["--text", str(text)] if text else []
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CompileError(
            "timeout", f"it does not load within {seconds:g} seconds", str(name)
        ) from None
    try:
        told = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.decode(errors="replace").strip().splitlines()
        why = last[-1] if last else f"exit status {done.returncode}"
        reason = f"it ends the program that loads it: {why}"
        raise CompileError("crash", reason, str(name)) from None
    if error := told.get("error"):
        raise CompileError(**error)
    return [CompiledDefinition.of(one) for one in told["definitions"]], told["imports"]


def command(program: str) -> list[str]:
    """The command that starts a program of this package, whatever the working directory holds."""
    return [sys.executable, "-P", "-m", f"ferrobee.converters.{program}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compiles; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ferrobee.converters.compile")
    parser.add_argument("name", metavar="FILE")
    parser.add_argument("--module", action="store_true", help="FILE is an installed module")
    parser.add_argument("--text", type=Path, help="where the source is that stands for the file's")
    options = parser.parse_args(arguments)
    # Prints of the converter are no answer of ours.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bounded(MEMORY, cpu=SECONDS)
    # Whoever asked may be killed while a converter waits for something, which takes no CPU.
    with ended_with(answer):
        try:
            told: dict[str, Json] = {"definitions": _definitions(options), "imports": _imports()}
        except BaseException as error:
            told = {"error": failure(error, options.name)}
    answer.write(json.dumps(told, ensure_ascii=False) + "\n")
    answer.flush()
    # What the converter has left running ends with the process.
    os._exit(1 if "error" in told else 0)


def _imports() -> list[str]:
    """The files of modules that are neither Python's nor ferrobee's."""
    package = str(Path(__file__).parents[1])
    standard = str(Path(os.__file__).parent)
    installed = str(Path(standard) / "site-packages")
    found = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.startswith("_converter_"):
            continue
        ours = file.startswith(package)
        pythons = file.startswith(standard) and not file.startswith(installed)
        if not ours and not pythons and Path(file).is_file():
            found.add(file)
    return sorted(found)


def _definitions(options: argparse.Namespace) -> list[dict[str, Json]]:
    definitions: list[dict[str, Json]] = []
    for cls in load(options.name, module=options.module, text=options.text):
        done = cls.compiled()
        same = [one for one in definitions if one["definition"]["model"] == cls.model]
        if done.functions and same:
            # Functions are called by the name of the model.
            text = f"{cls.__name__}: the model '{cls.model}' is that of {same[0]['name']} too"
            raise ConverterError(text, done.place, "definitions with functions need models apart")
        definitions.append(
            {
                "definition": done.definition,
                "name": cls.__name__,
                "file": done.place.file,
                "line": done.place.line,
                "places": [[place.file, place.line] for place in done.places],
                "names": done.names,
                "captures": done.captures,
            }
        )
    # What can't be written as JSON is refused here, with the converter's name.
    json.dumps(definitions, allow_nan=False)
    return definitions


if __name__ == "__main__":
    sys.exit(main())
