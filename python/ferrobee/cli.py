"""The command `ferrobee`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ferrobee import __version__, _converter_cli, _journal_cli
from ferrobee.errors import ConfigurationError, FerrobeeError

__all__ = ["main"]

_DATA = """\
the data directory is --data, else $FERROBEE_DATA, else $ZIGBEE2MQTT_DATA, else ./data
It is Zigbee2MQTT's: configuration.yaml, database.db, state.json, coordinator_backup.json."""

_EXAMPLES = """\
examples:
  ferrobee demo                           see it work: no hardware, no broker needed
  ferrobee run --data /opt/zigbee2mqtt/data
                                          take over a Zigbee2MQTT installation (stop that first)
  ferrobee devices --data ./data          the devices of a data directory
  ferrobee stubs --data ./data            home.pyi: the types of a house, for editors
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; gives the exit status: 0 done, 1 failed, 2 wrongly used."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.command(options))
        # Here rather than when the interpreter ends, where a failure would be a traceback.
        sys.stdout.flush()
        return status
    except ConfigurationError as error:
        print(f"ferrobee: {error}", file=sys.stderr)
        return 2
    except FerrobeeError as error:
        print(f"ferrobee: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"ferrobee: {_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _sentence(error: OSError) -> str:
    """What the operating system said, and about what."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ferrobee",
        description="A Zigbee to MQTT bridge: drives a Zigbee coordinator and puts its devices on\n"
        "MQTT, with the topics, payloads and files of Zigbee2MQTT.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ferrobee {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = _command(
        commands,
        "run",
        "run the bridge on a data directory",
        "Runs the bridge until Ctrl-C or SIGTERM.",
        epilog="example:\n  ferrobee run --data /opt/zigbee2mqtt/data\n",
    )
    _add_data(run)
    run.set_defaults(command=_do_run)

    demo = _command(
        commands,
        "demo",
        "see the bridge work, without hardware",
        "Runs the real bridge on a simulated coordinator with five simulated Aqara devices\n"
        "and an MQTT broker of its own; prints what happens and what you can try.",
        epilog="examples:\n"
        "  ferrobee demo\n"
        "  ferrobee demo --seconds 30              ends by itself\n"
        "  ferrobee demo --web 8080                a page that lists the devices\n"
        "  ferrobee demo --broker mqtt://localhost:1883\n",
    )
    demo.add_argument(
        "--seconds", type=_seconds, metavar="N", help="end after N seconds (default: on Ctrl-C)"
    )
    where = demo.add_mutually_exclusive_group()
    where.add_argument(
        "--port",
        type=_port,
        default=1883,
        help="port of the demo's own broker (default: 1883; the next free one if it is in use)",
    )
    where.add_argument("--broker", metavar="URL", help="use this broker, like mqtt://host:1883")
    demo.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep the demo's data in DIR (default: nowhere); what is in its folders automations "
        "and converters runs",
    )
    demo.add_argument(
        "--web",
        type=_port,
        metavar="PORT",
        help="serve a web page and the websocket on this port of 127.0.0.1 (default: not)",
    )
    demo.set_defaults(command=_do_demo)

    devices = _command(
        commands,
        "devices",
        "list the devices of a data directory",
        "Lists the devices that a data directory knows; the bridge need not run.",
        epilog="examples:\n"
        "  ferrobee devices\n"
        "  ferrobee devices --data /opt/zigbee2mqtt/data --json\n"
        "  ferrobee devices --why hall_relay\n",
    )
    _add_data(devices)
    devices.add_argument("--json", action="store_true", help="print JSON, for programs")
    devices.add_argument(
        "--why", metavar="NAME", help="say which definition decodes a device, and why"
    )
    devices.set_defaults(command=_do_devices)
    _journal_cli.add(commands, _command, _add_data, _data_directory, _seconds)
    _converter_cli.add(commands, _command, _add_data, _data_directory)

    automations = _command(
        commands,
        "automations",
        "list the automations of a data directory",
        "Loads the files in DATA/automations as the bridge does, with the devices of DATA, and\n"
        "lists their handlers, what they wait for, and what is wrong (status 1 if anything is);\n"
        "the bridge need not run.",
        epilog="example:\n  ferrobee automations --data /opt/zigbee2mqtt/data\n",
    )
    _add_data(automations)
    automations.set_defaults(command=_do_automations)

    stubs = _command(
        commands,
        "stubs",
        "write the types of a house, for editors and type checkers",
        "Writes home.pyi: every device and group by name, with the class of its model, and\n"
        "home.py beside it, so that `from home import home` is typed. The bridge need not run.",
        epilog="examples:\n"
        "  ferrobee stubs                          writes DATA/automations/home.pyi\n"
        "  ferrobee stubs --output house/home.pyi\n"
        "  ferrobee stubs --output -               prints it\n",
    )
    _add_data(stubs)
    stubs.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="what to write (default: automations/home.pyi in the data directory; - prints it)",
    )
    stubs.set_defaults(command=_do_stubs)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
    *,
    epilog: str,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data directory; see below")
    parser.epilog = f"{parser.epilog}\n{_DATA}"


def _data_directory(given: Path | None) -> Path:
    if given is not None:
        return given
    for variable in ("FERROBEE_DATA", "ZIGBEE2MQTT_DATA"):
        if value := os.environ.get(variable):
            return Path(value)
    return Path("data")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value


def _port(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port (0 to 65535)")
    return value


def _do_run(options: argparse.Namespace) -> int:
    from ferrobee._run import run

    return run(_data_directory(options.data))


def _do_demo(options: argparse.Namespace) -> int:
    from ferrobee._demo import demo

    return demo(
        broker=options.broker,
        port=options.port,
        data=options.data,
        seconds=options.seconds,
        web=options.web,
    )


def _do_devices(options: argparse.Namespace) -> int:
    if options.why is not None:
        from ferrobee._why import print_why

        return print_why(_data_directory(options.data), options.why, as_json=options.json)

    from ferrobee._devices import devices

    return devices(_data_directory(options.data), as_json=options.json)


def _do_stubs(options: argparse.Namespace) -> int:
    from ferrobee._stubs.command import stubs

    return stubs(_data_directory(options.data), options.output)


def _do_automations(options: argparse.Namespace) -> int:
    from ferrobee._automations.listing import automations

    return automations(_data_directory(options.data))
