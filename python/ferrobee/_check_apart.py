"""The check of captures beside a running bridge: `python -m ferrobee._check_apart DATA SECONDS`.

A program of its own, of low priority: the radio does not wait for it, and it can be ended at any
time. It prints one line of JSON: what there is to say, for a person.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee import __version__
from ferrobee._check import checked, named_captures, recorded_captures
from ferrobee._outcomes import difference

if TYPE_CHECKING:
    from ferrobee._check import Checked
    from ferrobee._outcomes import Outcome
    from ferrobee.converters._loader import Converters

__all__ = ["Told", "check_apart", "has_captures", "is_due", "note"]

_NOTE = Path("captures", ".checked.json")
_DEVICES = 20
"""How many devices are told of; `ferrobee check` tells of all."""
_LONGEST = 400
"""The longest text about one of them."""
_NICE = 10
_ENDING = 5.0
"""How long it may take to load converters and to end, beyond the time for the captures, seconds."""
_LOADING = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a check has to say."""

    frames: int = 0
    changed: list[str] = field(default_factory=list)
    """A text for each device that would publish something else."""
    wrong: list[str] = field(default_factory=list)
    """What could not be checked."""


def has_captures(data: Path, converters: Converters | None) -> bool:
    """True if there is something to check."""
    return bool(recorded_captures(data)) or (
        converters is not None and any(named_captures(converters))
    )


def _versions(converters: Converters | None) -> object:
    """What decides how captures are decoded."""
    entries = converters.entries if converters else []
    return {
        "ferrobee": __version__,
        "converters": {
            f"{entry.origin.kind} {entry.origin.name}": entry.origin.version for entry in entries
        },
    }


def is_due(data: Path, converters: Converters | None) -> bool:
    """True if ferrobee or a converter is another one than at the last check."""
    try:
        known = json.loads((data / _NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        known = None
    return known != _versions(converters) and has_captures(data, converters)


def note(data: Path, converters: Converters | None) -> None:
    """Writes down that this version was checked. Without that it is checked again."""
    path = data / _NOTE
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(_versions(converters), indent=2) + "\n", "utf-8")


async def check_apart(data: Path, seconds: float) -> Told:
    """Checks the captures of a data directory, within about so many seconds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(data), str(seconds)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds + _LOADING + _ENDING):
            out, _ = await process.communicate()
        return Told(**json.loads(out))
    except TimeoutError:
        return Told(wrong=[f"the check took more than {seconds + _LOADING:g} seconds"])
    except ValueError:
        return Told(wrong=[f"the check has failed (status {process.returncode})"])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _tell(done: Checked, seconds: float) -> Told:
    wrong = list(done.wrong)
    if done.unreached:
        wrong.append(f"for {done.unreached} frames the time of {seconds:g} s was too short")
    changed = [
        _changed(name, outcomes)
        for name, outcomes in done.by_device
        if not all(outcome.same for outcome in outcomes)
    ]
    more = len(changed) - _DEVICES
    if more > 0:
        changed[_DEVICES:] = [f"{more} more devices would publish something else"]
    return Told(len(done.outcomes), changed, wrong)


def _changed(name: str, outcomes: list[Outcome]) -> str:
    changed = [outcome for outcome in outcomes if not outcome.same]
    # A line that can't be read says less than one that is decoded otherwise.
    first = min(changed, key=lambda outcome: outcome.error is not None)
    told = [
        f"{key} {old} is {new} now"
        for key, old, new in difference(first.expected, first.payload)
        if first.error is None
    ]
    text = ", ".join([*told, *first.failures, *([first.error] if first.error else [])])
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return (
        f"{name} would publish something else for {len(changed)} of {len(outcomes)} frames, in "
        f"line {first.line}: {text}"
    )


def main() -> int:
    """Checks, and prints what there is to say."""
    data, seconds = Path(sys.argv[1]), float(sys.argv[2])
    # Ctrl-C in a terminal reaches all processes of the group; it is the bridge that ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    print(json.dumps(asdict(_tell(checked(data, [], seconds=seconds), seconds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
