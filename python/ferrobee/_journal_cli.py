"""`ferrobee record`, `check`, `replay` and `report`: everything that reads the journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["add"]


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    command: Callable[..., argparse.ArgumentParser],
    add_data: Callable[[argparse.ArgumentParser], None],
    data_directory: Callable[[Path | None], Path],
    seconds: Callable[[str], float],
) -> None:
    """Adds the commands to the command line."""
    record = command(
        commands,
        "record",
        "record frames of a device as tests",
        "Prints one JSON line for each frame of a device: the bytes, what was published for them,\n"
        "and what is needed to decode them again. No keys, no names, no addresses.",
        epilog="examples:\n"
        "  ferrobee record --device study_knob --seconds 60 > captures/study_knob.jsonl\n"
        "  ferrobee record --device study_knob --since 86400      what is in the journal already\n",
    )
    add_data(record)
    record.add_argument("--device", required=True, metavar="NAME", help="its name or its address")
    when = record.add_mutually_exclusive_group()
    when.add_argument(
        "--seconds", type=seconds, default=60, metavar="N", help="end after N seconds (60)"
    )
    when.add_argument(
        "--since", type=seconds, metavar="N", help="frames of the last N seconds instead"
    )
    record.set_defaults(command=_do_record, directory=data_directory)

    check = command(
        commands,
        "check",
        "see what this version would publish otherwise",
        "Decodes captures with this version and says which devices would publish something else,\n"
        "old and new side by side. Status 1 if any would.",
        epilog="examples:\n"
        "  ferrobee check                                  all of captures/ in the data directory\n"
        "  ferrobee check --captures knob.jsonl lamp.jsonl\n",
    )
    add_data(check)
    check.add_argument(
        "--captures",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="files, or folders of files (default: captures/ in the data directory)",
    )
    check.add_argument("--json", action="store_true", help="print JSON lines, for programs")
    check.set_defaults(command=_do_check, directory=data_directory)

    replay = command(
        commands,
        "replay",
        "give the inputs of a journal to a new core",
        "Prints the inputs of a journal and what they lead to; says whether that is what they led\n"
        "to then. Status 1 if not.",
        epilog="examples:\n"
        "  ferrobee replay ./data                 the whole journal of a data directory\n"
        "  ferrobee replay ./data/journal/00000007.fbj --json\n"
        "  ferrobee replay ./data --automations new/ --against ./data/automations\n",
    )
    replay.add_argument("journal", type=Path, help="a file of a journal, or a data directory")
    replay.add_argument(
        "--automations",
        type=Path,
        metavar="DIR",
        help="print what these automations would have commanded instead",
    )
    replay.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="and only what these would not have, or would have besides (status 1 if any)",
    )
    how = replay.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print JSON lines, for programs")
    how.add_argument("--quiet", action="store_true", help="only say whether all is as it was")
    replay.set_defaults(command=_do_replay)

    report = command(
        commands,
        "report",
        "make one file for a report of an error",
        "Puts versions, settings, devices, the end of the log and of the journal into a zip file,\n"
        "without secrets, and says what is in it.",
        epilog="example:\n  ferrobee report --output report.zip\n",
    )
    add_data(report)
    report.add_argument(
        "--output", type=Path, metavar="FILE", help="the file (default: named by the time, here)"
    )
    report.set_defaults(command=_do_report, directory=data_directory)


def _do_record(options: argparse.Namespace) -> int:
    from ferrobee._record import record

    data = options.directory(options.data)
    return record(data, options.device, seconds=options.seconds, since=options.since)


def _do_check(options: argparse.Namespace) -> int:
    from ferrobee._check import check

    return check(options.directory(options.data), options.captures, as_json=options.json)


def _do_replay(options: argparse.Namespace) -> int:
    if options.automations is not None:
        from ferrobee._whatif import whatif

        return whatif(options.journal, options.automations, options.against, as_json=options.json)
    if options.against is not None:
        raise ConfigurationError("--against needs --automations: what is compared with it")
    from ferrobee._replay import replay

    return replay(options.journal, as_json=options.json, quiet=options.quiet)


def _do_report(options: argparse.Namespace) -> int:
    from ferrobee._report import report

    return report(options.directory(options.data), options.output)
