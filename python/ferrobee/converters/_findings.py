"""What `ferrobee converter check` finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json
    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["Finding", "Kind", "at_capability"]

Kind = Literal[
    "does_not_load",
    "wrong_type",
    "unknown_cluster",
    "unknown_attribute",
    "overlapping_key",
    "missing_unit",
    "enum_hole",
    "shadowed_builtin",
    "round_trip",
    "unreachable_match",
    "wrong_definition",
    "missing_capture",
    "capture_differs",
    "empty",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a converter, or (`level` note) worth knowing."""

    kind: Kind
    level: Literal["error", "warning", "note"]
    file: str
    line: int | None
    text: str
    suggestion: str = ""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        advice = f"\n    {self.suggestion}" if self.suggestion else ""
        return f"{where}: {self.level}: {self.text} [{self.kind}]{advice}"

    def data(self) -> dict[str, Json]:
        """The finding for programs."""
        return asdict(self)


def at_capability(
    of: CompiledDefinition,
    index: int,
    kind: Kind,
    text: str,
    suggestion: str = "",
    *,
    level: Literal["error", "warning", "note"] = "error",
) -> Finding:
    """A finding about one capability of a definition."""
    file, line = of.places[index] if index < len(of.places) else (of.file, of.line)
    name = of.names[index] if index < len(of.names) else ""
    return Finding(kind, level, file, line, f"{of.name}.{name}: {text}", suggestion)
