"""`ferrobee converter check` and `ferrobee converter draft`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["add"]


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    command: Callable[..., argparse.ArgumentParser],
    add_data: Callable[[argparse.ArgumentParser], None],
    data_directory: Callable[[Path | None], Path],
) -> None:
    """Adds the command `converter` to the command line."""
    converter = command(
        commands,
        "converter",
        "check and draft device converters",
        "Device converters are Python files in DATA/converters/ that say what a device is.",
        epilog="examples:\n"
        "  ferrobee converter check relay.py\n"
        "  ferrobee converter draft hall_relay --captures relay.jsonl > relay.py\n",
    )
    kinds = converter.add_subparsers(title="commands", required=True, metavar="COMMAND")

    check = command(
        kinds,
        "check",
        "say what is wrong with a converter",
        "Says what is wrong with a converter, before the bridge loads it: file, line, reason and\n"
        "what to write instead. The exit status is 1 if anything is wrong; notes are not.",
        epilog="example:\n  ferrobee converter check DATA/converters/relay.py --data DATA\n",
    )
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument(
        "--data", type=Path, metavar="DIR", help="look at the other converters of this house too"
    )
    check.add_argument("--json", action="store_true", help="print JSON, for programs")
    check.set_defaults(command=_do_check)

    draft = command(
        kinds,
        "draft",
        "write a converter for a device",
        "Writes a converter for a device of a data directory, from its interview and from what it\n"
        "said: recorded messages, else those in the journal. What nothing explains is in comments.",
        epilog="example:\n"
        "  ferrobee converter draft new_sensor --captures x.jsonl > DATA/converters/new.py\n",
    )
    draft.add_argument("name", metavar="NAME", help="the device's name or address")
    draft.add_argument(
        "--captures", type=Path, metavar="FILE", help="recorded messages, as JSON lines"
    )
    add_data(draft)
    draft.set_defaults(command=_do_draft, data_directory=data_directory)


def _do_check(options: argparse.Namespace) -> int:
    from ferrobee.converters.check import check

    if not options.file.is_file():
        raise ConfigurationError(f"{options.file}: there is no such file")
    found = check(options.file, options.data)
    wrong = [one for one in found if one.level != "note"]
    if options.json:
        print(json.dumps([one.data() for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            print(one)
        print(_summary(len(wrong)), file=sys.stderr)
    return 1 if wrong else 0


def _summary(wrong: int) -> str:
    return f"{wrong} found" if wrong else "nothing is wrong"


def _do_draft(options: argparse.Namespace) -> int:
    from ferrobee._run import require
    from ferrobee.converters import _frames
    from ferrobee.converters.draft import draft

    data = options.data_directory(options.data)
    require(data)
    try:
        if options.captures:
            frames = _frames.read(options.captures)
        else:
            frames = _frames.journal(data, options.name)
    except ValueError as error:
        raise DataError(f"{options.captures}: not a recording: {error}") from error
    print(draft(data, options.name, frames), end="")
    return 0
