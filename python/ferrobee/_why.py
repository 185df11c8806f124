"""`ferrobee devices --why NAME`: which definition decodes a device, from which file, and why."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ferrobee._core import catalogue
from ferrobee._run import require
from ferrobee.converters import clusters
from ferrobee.converters._loader import Converters
from ferrobee.converters._source import number
from ferrobee.converters.draft import device

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ferrobee.converters._loader import Entry
    from ferrobee.converters.compile import CompiledDefinition

__all__ = ["Candidate", "Reason", "print_why", "why"]

RANKS = {
    "user": "a converter of yours comes before packages and what is built in",
    "package": "a package's converter comes before what is built in",
    "builtin": "no converter fits, and the model is built in",
    "generic": "nothing describes the model: it follows from what the device says of itself",
    "none": "nothing describes the model, and the device says nothing of itself that is known",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition that a device may be decoded by."""

    kind: str
    """`user`, `package`, `builtin`, `generic` or `none`."""
    name: str
    """Vendor and model."""
    where: str
    """File and line."""
    text: str = ""
    """Why it is not the one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Which definition decodes a device, and which others were looked at."""

    device: str
    ieee_address: str
    model_id: str
    manufacturer: str
    decoded_by: Candidate
    because: str
    also_fit: list[Candidate] = field(default_factory=list)
    do_not_fit: list[Candidate] = field(default_factory=list)
    do_not_load: list[str] = field(default_factory=list)


def why(data: Path, name: str) -> Reason:
    """Which definition decodes the device of a data directory, and why."""
    told = device(data, name)
    converters = Converters(data / "converters")
    try:
        converters.refresh()
        return _Judge(told, converters.entries).reason()
    finally:
        converters.close()


class _Judge:
    def __init__(self, told: dict[str, Any], entries: list[Entry]) -> None:
        self.told = told
        self.model = str(told.get("model_id") or "")
        self.manufacturer = str(told.get("manufacturer") or "")
        self.inputs = _inputs(told)
        self.entries = entries
        self.fit: list[Candidate] = []
        self.misfit: list[Candidate] = []

    def reason(self) -> Reason:
        for kind in ("user", "package"):
            self.judge([entry for entry in self.entries if entry.origin.kind == kind])
        self.fit += self.builtin()
        if (self.told.get("definition") or {}).get("source") == "generated":
            self.fit.append(Candidate("generic", f"{self.manufacturer} {self.model}", "interview"))
        first, *others = self.fit or [Candidate("none", "", "")]
        return Reason(
            device=str(self.told["friendly_name"]),
            ieee_address=str(self.told["ieee_address"]),
            model_id=self.model,
            manufacturer=self.manufacturer,
            decoded_by=first,
            because=RANKS[first.kind],
            also_fit=others,
            do_not_fit=self.misfit,
            do_not_load=[str(entry.error) for entry in self.entries if entry.error],
        )

    def judge(self, entries: list[Entry]) -> None:
        """Definitions of one rank: those that name the manufacturer come first."""
        named: list[Candidate] = []
        unnamed: list[Candidate] = []
        for entry in entries:
            for one in entry.definitions:
                for match in self.of_model(one):
                    names = match.get("manufacturers", [])
                    candidate = _candidate(entry.origin.kind, one)
                    if missing := self.missing(match):
                        text = f"wants {missing}"
                        self.misfit.append(_candidate(entry.origin.kind, one, text))
                    elif not names:
                        unnamed.append(candidate)
                    elif self.manufacturer in names:
                        named.append(candidate)
                    else:
                        text = f"is for the manufacturers {', '.join(names)}"
                        self.misfit.append(_candidate(entry.origin.kind, one, text))
        self.fit += [*named, *unnamed]

    def of_model(self, one: CompiledDefinition) -> Iterator[dict[str, Any]]:
        padded = self.model.split("\0")[0].rstrip()
        for match in one.definition["match"]:
            if match["model"] in (self.model, padded):
                yield match

    def missing(self, match: dict[str, Any]) -> str:
        wanted = {number(one) for one in match.get("inputs", ())}
        missing = ", ".join(f"0x{one:04x}" for one in sorted(wanted - self.inputs))
        return f"the cluster {missing}" if missing else ""

    def builtin(self) -> list[Candidate]:
        """What the bridge would use without converters."""
        definition = self.told.get("definition") or {}
        if definition.get("source") == "native":
            name = f"{definition['vendor']} {definition['model']}"
            return [Candidate("builtin", name, "built in")]
        # A converter may already stand in the list of the bridge: then the catalogue says it.
        known = [one for one in json.loads(catalogue()) if self.model in one["model_ids"]]
        if definition.get("source") == "external" and len(known) == 1:
            return [Candidate("builtin", f"{known[0]['vendor']} {known[0]['model']}", "built in")]
        return []


def _candidate(kind: str, one: CompiledDefinition, text: str = "") -> Candidate:
    name = f"{one.definition['vendor']} {one.definition['model']}"
    return Candidate(kind, name, f"{one.file}:{one.line}", text)


def _inputs(told: dict[str, Any]) -> set[int]:
    """Clusters that some endpoint has as a server, by number."""
    named = {getattr(clusters, name).name: getattr(clusters, name).id for name in clusters.__all__}
    found: set[int] = set()
    for endpoint in (told.get("endpoints") or {}).values():
        for one in endpoint.get("clusters", {}).get("input", ()):
            if str(one).isdigit():
                found.add(int(one))
            elif one in named:
                found.add(named[one])
    return found


def print_why(data: Path, name: str, *, as_json: bool) -> int:
    """Prints which definition decodes the device."""
    require(data)
    reason = why(data, name)
    if as_json:
        print(json.dumps(asdict(reason), indent=2, ensure_ascii=False))
        return 0
    says = f"{reason.model_id or '?'} of {reason.manufacturer or '?'}"
    print(f"{reason.device} ({reason.ieee_address}, {says})")
    by = reason.decoded_by
    print(f"  decoded by   {_line(by) if by.kind != 'none' else 'nothing'}")
    print(f"  because      {reason.because}")
    for one in reason.also_fit:
        print(f"  also fits    {_line(one)}")
    for one in reason.do_not_fit:
        print(f"  fits not     {_line(one)}: {one.text}")
    for text in reason.do_not_load:
        print(f"  loads not    {text}")
    return 0


def _line(one: Candidate) -> str:
    return (
        f"{one.name} ({one.kind}, {one.where})"
        if one.where != "built in"
        else (f"{one.name} (built in)")
    )
