"""Converters are foreign code: they are loaded and run in processes with limits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.museum import MUSEUM

from ferrobee._converters_host import load, watch
from ferrobee.converters._loader import Converters
from ferrobee.converters.compile import CompileError, command, compiled, compiled_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD = """
from ferrobee.converters import Definition, Model, OnOff

class Plug(Definition):
    match = Model("acme.plug")
    model, vendor, description = "AP", "Acme", "Plug"
    state = OnOff()
"""
FUNCTIONS = """
import os, sys, time
from ferrobee.converters import *
from ferrobee.converters import operations

print("hello from the file")

class Plug(Definition):
    match = Model("acme.plug")
    model, vendor, description = "AP", "Acme", "Plug"
    level = NumericValue()

    @from_zigbee(clusters.AnalogInput.present_value)
    def heard(self, message: Message) -> Values:
        print("hello from a function")
        return {"level": message.value * 2, "known": message.state.get("level")}

    @from_zigbee(Cluster(0xFC00).attr(1, Octets))
    def octets(self, message: Message) -> Values:
        return {"level": len(message.value)}

    @from_zigbee(clusters.Basic.model_id)
    def fails(self, message: Message) -> Values:
        return {"level": 1 / 0}

    @from_zigbee(clusters.Basic.zcl_version)
    def nonsense(self, message: Message) -> Values:
        return {"level": object()}

    @from_zigbee(clusters.Basic.app_version)
    def wrong(self, message: Message) -> Values:
        return 7

    @from_zigbee(clusters.Basic.hw_version)
    def hungry(self, message: Message) -> Values:
        return {"level": len(b"x" * 2_000_000_000)}

    @from_zigbee(clusters.IasZone.notifications.status_change_notification)
    def zone(self, message: Message) -> Values:
        return {"level": message.value["zonestatus"], "bytes": message.payload.hex()}

    @to_zigbee("level")
    def set_level(self, value: Json, request: Request) -> list[Operation]:
        return [operations.write(clusters.OnOff.on_time @ 2, value)]

    @to_zigbee("quiet")
    def set_quiet(self, value: Json, request: Request) -> Answer:
        return Answer({"quiet": "done"})

    @on_configure
    def set_up(self, request: Request) -> list[Operation]:
        return [operations.bind(clusters.OnOff), operations.sleep(0.5)]
"""


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.parametrize(
    ("text", "kind", "line", "reason"),
    [
        ("x = (\n", "SyntaxError", 1, "never closed"),
        ("\nimport nothing_like_this\n", "ModuleNotFoundError", 2, "nothing_like_this"),
        (GOOD.replace("OnOff()", "OnOff(endpiont=1)"), "TypeError", 7, "endpiont"),
        (GOOD + "    x = 5\n", "ConverterError", 4, "'x' is neither"),
        (GOOD.replace('"Plug"', "object()"), "TypeError", None, "not JSON serializable"),
        ("\nx = bytes(4 * 1024 ** 3)\n", "MemoryError", 2, "512 MB"),
        ("\nimport sys\nsys.exit('enough')\n", "SystemExit", 3, "enough"),
        ("import os\nos._exit(0)\n", "crash", None, "ends the program"),
    ],
    ids=["syntax", "import", "parameter", "field", "json", "memory", "exit", "crash"],
)
def test_a_file_that_does_not_load_says_where_and_why(
    tmp_path: Path, text: str, kind: str, line: int | None, reason: str
) -> None:
    file = written(tmp_path / "broken.py", text)
    with pytest.raises(CompileError) as refused:
        compiled(file)
    assert (refused.value.type, refused.value.line) == (kind, line)
    assert reason in refused.value.text
    assert refused.value.file == str(file)


def test_a_file_that_never_ends_is_ended(tmp_path: Path) -> None:
    file = written(tmp_path / "endless.py", "while True:\n    pass\n")
    with pytest.raises(CompileError, match=r"within 0\.5 seconds"):
        compiled(file, seconds=0.5)


def test_what_a_file_prints_is_no_part_of_the_answer(tmp_path: Path) -> None:
    text = GOOD + "\nprint('{}')\nimport os\nos.write(1, b'noise')\n"
    (one,) = compiled(written(tmp_path / "loud.py", text))
    assert one.definition["model"] == "AP"
    assert (one.name, one.line, one.places) == ("Plug", 4, [(str(tmp_path / "loud.py"), 7)])


def test_a_file_may_have_the_name_of_a_standard_module_and_import_its_neighbours(
    tmp_path: Path,
) -> None:
    written(tmp_path / "_names.py", "VENDOR = 'Acme'\n")
    text = "import json\nfrom _names import VENDOR\nassert json.loads\n" + GOOD
    (one,) = compiled(written(tmp_path / "json.py", text.replace('"Acme"', "VENDOR")))
    assert one.definition["vendor"] == "Acme"


class Worker:
    """A worker, spoken to as the bridge does."""

    def __init__(self, file: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [*command("worker"), str(file), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, function: str, call: str = "from_zigbee", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"id": 7, "definition": "AP", "call": call, "function": function, **fields}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert answer.pop("id") == 7
        return answer

    def close(self) -> str:
        """Ends the input; gives what was printed."""
        _, printed = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return printed


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(written(tmp_path / "functions.py", FUNCTIONS))
    yield worker
    worker.close()


def message(cluster: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"cluster": cluster, "endpoint": 1, "manufacturer": None, **fields}


def test_a_function_gets_the_message_and_the_state_and_gives_values(worker: Worker) -> None:
    told = message(0x000C, attributes={"0x0055": 21})
    assert worker.call("heard", message=told, state={"level": 5}) == {
        "values": {"level": 42, "known": 5},
        "operations": [],
    }


def test_octets_are_bytes_in_a_function(worker: Worker) -> None:
    told = message(0xFC00, attributes={"0x0001": {"bytes": "010203"}})
    assert worker.call("octets", message=told)["values"] == {"level": 3}


def test_a_function_gets_the_fields_and_the_payload_of_a_command(worker: Worker) -> None:
    command = {"id": "0x00", "payload": {"bytes": "0a0b"}, "fields": {"zonestatus": 5}}
    answer = worker.call("zone", message=message(0x0500, command=command))
    assert answer["values"] == {"level": 5, "bytes": "0a0b"}


def test_a_function_that_sets_gives_operations_and_the_value_is_published(worker: Worker) -> None:
    answer = worker.call("set_level", "to_zigbee", key="level", value=9)
    assert answer == {
        "values": {"level": 9},
        "operations": [
            {
                "write": {
                    "cluster": "0x0006",
                    "endpoint": 2,
                    "attributes": {"0x4001": {"type": 0x21, "value": 9}},
                }
            }
        ],
    }
    answer = worker.call("set_quiet", "to_zigbee", key="quiet", value=True)
    assert answer == {"values": {"quiet": "done"}, "operations": []}


def test_a_function_that_configures_gives_operations(worker: Worker) -> None:
    answer = worker.call("set_up", "configure")
    assert answer["operations"] == [{"bind": {"cluster": "0x0006"}}, {"sleep": 0.5}]


@pytest.mark.parametrize(
    ("function", "kind", "reason"),
    [
        ("fails", "ZeroDivisionError", "division by zero"),
        ("nonsense", "TypeError", "not JSON serializable"),
        ("wrong", "TypeError", "gives values by their names"),
        ("hungry", "MemoryError", "512 MB"),
        ("not_there", "AttributeError", "not_there"),
    ],
)
def test_what_a_function_raises_is_an_answer_and_the_next_call_works(
    worker: Worker, function: str, kind: str, reason: str
) -> None:
    error = worker.call(function, message=message(0))["error"]
    assert error["type"] == kind
    assert reason in error["text"]
    if kind in ("ZeroDivisionError", "MemoryError"):
        line = FUNCTIONS.splitlines()[error["line"] - 1]
        assert "return" in line
        assert error["file"].endswith("functions.py")
    told = message(0x000C, attributes={"0x0055": 1})
    assert worker.call("heard", message=told)["values"]["level"] == 2


def test_what_functions_print_goes_to_the_error_output(tmp_path: Path) -> None:
    worker = Worker(written(tmp_path / "functions.py", FUNCTIONS))
    worker.call("heard", message=message(0x000C, attributes={"0x0055": 1}))
    printed = worker.close()
    assert "hello from the file" in printed
    assert "hello from a function" in printed


def test_a_worker_of_a_file_that_does_not_load_answers_with_the_reason(tmp_path: Path) -> None:
    worker = Worker(written(tmp_path / "broken.py", "x = 1\nraise ValueError('no')\n"))
    assert worker.call("heard", message=message(0))["error"] == {
        "type": "ValueError",
        "text": "no",
        "file": str(tmp_path / "broken.py"),
        "line": 2,
    }
    worker.close()


def test_the_functions_of_the_museum_run() -> None:
    worker = Worker(MUSEUM / "v1_0" / "functions.py")
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("speed", message(0xFC01, attributes={"0x0003": 10}), {"wind_speed": 5.1}),
        ("heard", message(0xEF00, datapoints={"101": 6}), {"sector": "south"}),
        ("heard", message(0xFCC0, tags={"0x98": 3}), {"sector": "west"}),
    ]
    for function, told, wanted in cases:
        answer = worker.call(function, definition="AA-1", message=told)
        assert answer["values"] == wanted
    worker.close()


@pytest.fixture
def converters(tmp_path: Path) -> Iterator[Converters]:
    converters = Converters(tmp_path / "converters", with_packages=False)
    yield converters
    converters.close()


def test_all_files_of_the_directory_are_told_with_their_origin(converters: Converters) -> None:
    written(converters.directory / "plug.py", GOOD)
    written(converters.directory / "broken.py", "import nothing_like_this\n")
    written(converters.directory / "_part.py", "raise ValueError\n")
    assert [(one.kind, one.origin.name) for one in converters.refresh()] == [
        ("failed", "broken.py"),
        ("loaded", "plug.py"),
    ]
    broken, plug = json.loads(converters.json())
    assert broken["origin"]["kind"] == "user"
    assert "broken.py:1: ModuleNotFoundError" in broken["error"]
    assert plug["origin"]["file"] == str(converters.directory / "plug.py")
    assert plug["definitions"][0]["model"] == "AP"
    assert plug["worker"] is None


def test_only_what_changed_is_told(converters: Converters) -> None:
    plug = written(converters.directory / "plug.py", GOOD)
    other = written(converters.directory / "other.py", GOOD.replace("AP", "BP"))
    converters.refresh()
    assert converters.refresh() == []
    plug.write_text(GOOD + "\n# longer\n")
    other.unlink()
    assert [(one.kind, one.origin.name) for one in converters.refresh()] == [
        ("loaded", "plug.py"),
        ("removed", "other.py"),
    ]


def test_a_changed_part_has_the_files_beside_it_compiled_again(converters: Converters) -> None:
    part = written(converters.directory / "_names.py", "VENDOR = 'Acme'\n")
    text = "from _names import VENDOR\n" + GOOD.replace('"Acme"', "VENDOR")
    written(converters.directory / "plug.py", text)
    converters.refresh()
    part.write_text("VENDOR = 'Other'\n")
    converters.refresh()
    assert json.loads(converters.json())[0]["definitions"][0]["vendor"] == "Other"


def test_a_file_is_compiled_once_and_not_at_each_start(
    converters: Converters, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug = written(converters.directory / "plug.py", "import words\n" + GOOD)
    words = written(converters.directory / "words.py", "WORD = 1\n")
    broken = written(converters.directory / "broken.py", "x = (\n")
    converters.refresh()
    told = json.loads(converters.json())

    asked: list[str] = []

    def compile_again(file: Path, **options: Any) -> Any:  # noqa: ANN401
        asked.append(file.name)
        return compiled_with(file, **options)

    monkeypatch.setattr("ferrobee.converters._loader.compiled_with", compile_again)

    def started() -> list[str]:
        asked.clear()
        again = Converters(converters.directory, with_packages=False)
        again.refresh()
        again.close()
        assert [one.get("definitions") for one in json.loads(again.json())][1:] == [
            one.get("definitions") for one in told
        ][1:]
        return sorted(asked)

    # What does not load is tried again: it may be something else that is missing.
    assert started() == ["broken.py"]
    broken.write_text("x = 1\n")
    assert started() == ["broken.py"]
    assert started() == []
    # What a file imports counts, and so does what it says; and a cache that is damaged is none.
    words.write_text("WORD = 2\n")
    assert started() == ["plug.py", "words.py"]
    plug.write_text("import words\n" + GOOD + "\n# longer\n")
    assert started() == ["plug.py"]
    for file in (converters.directory / "__pycache__").glob("plug*"):
        file.write_text("{")
    assert started() == ["plug.py"]
    assert started() == []


def test_a_worker_runs_the_version_that_was_compiled_whatever_the_file_holds_since(
    converters: Converters,
) -> None:
    file = written(converters.directory / "functions.py", FUNCTIONS)
    converters.refresh()
    (entry,) = json.loads(converters.json())
    file.write_text("broken now (\n")
    assert entry["worker"][0] == sys.executable
    at = entry["worker"].index(str(file))
    worker = Worker(file, *entry["worker"][at + 1 :])
    told = message(0x000C, attributes={"0x0055": 21})
    assert worker.call("heard", message=told)["values"]["level"] == 42
    assert worker.call("fails", message=message(0))["error"]["file"] == str(file)
    worker.close()


def test_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    written(site / "acme_devices" / "__init__.py", "")
    written(site / "acme_devices" / "plugs.py", FUNCTIONS)
    information = site / "acme_devices-1.2.dist-info"
    written(information / "METADATA", "Metadata-Version: 2.1\nName: acme-devices\nVersion: 1.2\n")
    written(information / "entry_points.txt", "[ferrobee.converters]\nplugs = acme_devices.plugs\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    converters = Converters(tmp_path / "converters")
    try:
        converters.refresh()
        told = json.loads(converters.json())
    finally:
        converters.close()
    (plug,) = [one for one in told if one["origin"]["name"] == "acme-devices:plugs"]
    assert plug["origin"] == {
        "kind": "package",
        "name": "acme-devices:plugs",
        "file": str(site / "acme_devices" / "plugs.py"),
        "version": "1.2",
    }
    assert plug["definitions"][0]["model"] == "AP"
    assert plug["worker"][-2:] == ["acme_devices.plugs", "--module"]


def test_a_saved_file_is_applied_without_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "converters"
    directory.parent.mkdir()
    assert told_by_watching(directory) == ["", "AP", "AP", "error", ""]


def told_by_watching(directory: Path) -> list[str]:
    """What is told while a directory comes up, a file is written, broken, and removed."""
    told: list[str] = []

    async def run() -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        converters = await asyncio.to_thread(load, directory)
        told.append(_short(json.loads(converters.json())))
        task = asyncio.create_task(watch(converters, heard.put_nowait))

        async def until(wanted: Callable[[list[dict[str, Any]]], bool]) -> None:
            while not wanted(entries := json.loads(await asyncio.wait_for(heard.get(), 30))):
                pass
            told.append(_short(entries))

        await asyncio.to_thread(directory.mkdir)
        plug = written(directory / "plug.py", GOOD)
        await until(lambda entries: bool(entries) and "definitions" in entries[0])
        plug.write_text(GOOD.replace('"Plug"', '"Better plug"'))
        await until(lambda entries: "Better plug" in json.dumps(entries))
        plug.write_text("broken (\n")
        await until(lambda entries: "error" in entries[0])
        await asyncio.to_thread(plug.unlink)
        await until(lambda entries: entries == [])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        converters.close()

    asyncio.run(run())
    return told


def _short(entries: list[dict[str, Any]]) -> str:
    own = [one for one in entries if one["origin"]["kind"] == "user"]
    return ",".join("error" if "error" in one else one["definitions"][0]["model"] for one in own)


def test_a_function_that_computes_without_end_is_ended_with_its_line(tmp_path: Path) -> None:
    endless = FUNCTIONS.replace("        return 7\n", "        while True:\n            pass\n")
    worker = Worker(written(tmp_path / "functions.py", endless))
    error = worker.call("wrong", message=message(0))["error"]
    assert (error["type"], error["text"]) == (
        "timeout",
        "it did not end within 0.8 s of computing",
    )
    assert endless.splitlines()[error["line"] - 1].strip() in ("while True:", "pass")
    told = message(0x000C, attributes={"0x0055": 1})
    assert worker.call("heard", message=told)["values"]["level"] == 2
    worker.close()
