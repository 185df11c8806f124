"""`ferrobee report`: what belongs to a report of an error, in one file, without secrets."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
import zipfile
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from ferrobee import __version__
from ferrobee._core import Redactor, journal_files
from ferrobee._core import devices as _devices
from ferrobee._run import require

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["report"]

# The end of the log, bytes.
_LOG = 256 * 1024
# The end of the journal, bytes as they are in its files; at least the last file.
_JOURNAL = 8_000_000


def report(data: Path, output: Path | None) -> int:
    """Writes the bundle and says what is in it."""
    require(data)
    name = output or _default_name()
    redactor = Redactor(data)
    contents: list[tuple[str, str, bytes]] = [
        ("versions.json", "versions, operating system, Python", _versions()),
        ("configuration.json", "all settings, without secrets", _pretty(redactor.settings())),
        (
            "devices.json",
            "devices and their names, models, endpoints (as bridge/devices)",
            _pretty(redactor.text(_devices(data))),
        ),
    ]
    log = _last_log(data, redactor)
    if log is not None:
        contents.append(("log.txt", "the last lines of the log", log))
    for path in _last_pieces(data):
        what = "the end of the journal: what devices, broker and clock said (ferrobee replay)"
        contents.append((f"journal/{path.name}", what, redactor.journal(path)))
    captures = sorted(path.name for path in (data / "captures").glob("*.jsonl"))
    names = "\n".join(captures).encode()
    contents.append(("captures.txt", f"the names of {len(captures)} files of captures", names))
    with zipfile.ZipFile(name, "x", zipfile.ZIP_DEFLATED) as bundle:
        for file, _, content in contents:
            bundle.writestr(file, content)
    print(f"{name} holds:")
    for file, what, content in contents:
        print(f"  {file}  {what} ({len(content):,} bytes)")
    print(
        "Network key, passwords, tokens, install codes and codes of locks were taken out. Names\n"
        "and addresses of devices, MQTT topics and the times at which things happened are in it:\n"
        "look through it before you give it to somebody."
    )
    return 0


def _default_name() -> Path:
    from pathlib import Path

    return Path(f"ferrobee-report-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip")


def _versions() -> bytes:
    packages = {str(found.metadata["Name"]): found.version for found in metadata.distributions()}
    versions = {
        "ferrobee": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "build": sysconfig.get_platform(),
        "packages": dict(sorted(packages.items())),
    }
    return json.dumps(versions, indent=2).encode()


def _pretty(text: str) -> bytes:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False).encode()


def _last_log(data: Path, redactor: Redactor) -> bytes | None:
    advanced = json.loads(redactor.settings()).get("advanced", {})
    directory = advanced.get("log_directory")
    folder = data / "log"
    if isinstance(directory, str):
        # Where logs go by date, all of them are below what comes before the date.
        folder = type(data)(directory.partition("%TIMESTAMP%")[0])
    files = [path for path in folder.rglob("*.log") if path.is_file()]
    if not files:
        return None
    last = max(files, key=lambda path: path.stat().st_mtime)
    with last.open("rb") as file:
        file.seek(max(0, last.stat().st_size - _LOG))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(redactor.text(line) for line in lines).encode()


def _last_pieces(data: Path) -> list[Path]:
    pieces: list[Path] = []
    size = 0
    for path in reversed(journal_files(data)):
        size += path.stat().st_size
        if pieces and size > _JOURNAL:
            break
        pieces.insert(0, path)
    return pieces
