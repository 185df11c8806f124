"""Python in the real program: its lines in the log, converters that come over MQTT, its counts."""

from __future__ import annotations

import json
import re
import textwrap
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.support.web import enable
from tests.test_converters_run import RELAY, decoded_by, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.house import House


def configure(house: House, text: str, *, advanced: str = "") -> None:
    """Adds to the configuration: whole sections, and lines of `advanced`."""
    path = house.data / "configuration.yaml"
    lines = textwrap.indent(textwrap.dedent(advanced), "  ")
    whole = path.read_text().replace("  log_output: [console]\n", lines)
    path.write_text(whole + textwrap.dedent(text))


def automation(house: House, name: str, text: str) -> Path:
    folder = house.data / "automations"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(textwrap.dedent(text))
    return file


def error(response: dict[str, Any]) -> str:
    assert response["status"] == "error", response
    text: str = response["error"]
    return text


def test_the_lines_of_automations_are_in_the_files_of_the_log_like_all_others(
    house: House,
) -> None:
    configure(
        house,
        "",
        advanced="""
            log_output: [console, file]
            log_directory: LOG
            log_namespaced_levels: {'automations:quiet': error, 'automations:loud': debug}
        """.replace("LOG", str(house.directory / "log")),
    )
    hall = automation(
        house,
        "hall",
        """
        import asyncio, logging
        from ferrobee import home, start

        log = logging.getLogger(__name__)

        async def beside():
            raise KeyError("of a task that nobody awaits")

        @start
        async def begun():
            log.info("by hand")
            log.debug("for nobody")
            logging.getLogger("some.library").warning("from a library")
            task = asyncio.create_task(beside())
            await asyncio.sleep(0.1)
            del task
            raise ValueError("on purpose")
        """,
    )
    automation(
        house,
        "quiet",
        "import logging\nlogging.getLogger(__name__).warning('not wanted')\n",
    )
    automation(
        house, "loud", "import logging\nlogging.getLogger(__name__).debug('wanted by its name')\n"
    )
    automation(house, "broken", "import ferrobee\n\nx = (\n")
    bridge = house.start()
    house.client.wait("bridge/logging", lambda m: "on purpose" in m.json["message"], seconds=30)
    assert bridge.stop() == 0
    house.bridge = None
    written = (house.directory / "log" / "log.log").read_text()
    line = hall.read_text().splitlines().index('    raise ValueError("on purpose")') + 1
    # One log: the same lines on the console and in the file.
    for text in (written, bridge.text):
        assert re.search(r"\] info: \tautomations:hall: by hand\n", text)
        assert re.search(r"\] info: \tautomations: hall.py loaded: 1 handler\n", text)
        failed = rf"\] error: \tautomations: hall.py:\d+ begun failed: {hall}:{line}: "
        assert re.search(failed, text)
        assert f'File "{hall}", line {line}, in begun' in text
        assert re.search(r"\] warning: \tautomations:some.library: from a library\n", text)
        assert re.search(r"\] error: \tautomations:asyncio: Task exception was never", text)
        assert "of a task that nobody awaits" in text
        assert re.search(r"\] error: \tautomations: .*broken.py, line 3: SyntaxError", text)
        assert re.search(r"\] debug: \tautomations:loud: wanted by its name\n", text)
        assert "not wanted" not in text
        assert "for nobody" not in text


CONVERTER = RELAY.format(model="SENT", before="", body="pass")


def test_a_converter_in_python_is_taken_over_mqtt_checked_and_used(house: House) -> None:
    configure(house, "", advanced="enable_external_js: true\n")
    house.start()
    relay = house.join("LLKZMK11LM")
    request = house.client.request
    folder = house.data / "converters"

    # What `ferrobee converter check` calls an error is refused with its line and reason.
    for code, reason in (
        ("x = (\n", "relay.py:1: error: SyntaxError: '(' was never closed"),
        ("import nothing_like_this\n", "relay.py:1: error: ModuleNotFoundError"),
        ("print('no definition')\n", "relay.py: error: there is no definition in it"),
        (CONVERTER.replace("OnOff(endpoint=2)", "OnOff(endpiont=2)"), "endpoint"),
        (CONVERTER.replace("present_value", "presnt_value"), "present_value"),
    ):
        save = {"name": "relay.py", "code": textwrap.dedent(code)}
        text = error(request("converter/save", save, seconds=60))
        assert reason in text, text
        assert str(house.data) not in text
        assert "ferrobee-" not in text
    # JavaScript is, too, and a name that is none of a file.
    assert "does not run JavaScript" in error(request("converter/save", {**save, "name": "x.js"}))
    assert "no name of a converter" in error(request("converter/save", {**save, "name": "../x.py"}))
    assert not folder.exists()

    since = house.client.mark()
    save = {"name": "relay.py", "code": textwrap.dedent(CONVERTER)}
    assert request("converter/save", save, seconds=60)["status"] == "ok"
    assert [file.name for file in folder.iterdir() if file.is_file()] == ["relay.py"]
    assert (folder / "relay.py").read_text() == save["code"]
    decoded_by(house, relay, "SENT", since=since)
    house.client.wait("bridge/converters", lambda m: m.json == [save], since=since)

    # Changed by hand, it is shown anew; removed over MQTT, what was before decodes.
    since = house.client.mark()
    write(house, model="HAND")
    house.client.wait("bridge/converters", lambda m: "HAND" in m.json[0]["code"], since=since)
    decoded_by(house, relay, "HAND", since=since)
    since = house.client.mark()
    assert request("converter/remove", {"name": "relay.py"})["status"] == "ok"
    house.client.wait("bridge/converters", lambda m: m.json == [], since=since)
    decoded_by(house, relay, "LLKZMK11LM", since=since)
    assert error(request("converter/remove", {"name": "relay.py"})).endswith("doesn't exists")
    house.stop()


def test_code_over_mqtt_is_off_unless_the_configuration_turns_it_on(house: House) -> None:
    house.start()
    save = {"name": "relay.py", "code": textwrap.dedent(CONVERTER)}
    assert "in configuration.yaml itself" in error(house.client.request("converter/save", save))
    switch = {"options": {"advanced": {"enable_external_js": True}}}
    assert "configuration.yaml" in error(house.client.request("options", switch))
    assert not (house.data / "converters").exists()
    house.stop()


def test_a_definition_is_drafted_over_mqtt_and_can_be_saved(house: House) -> None:
    configure(house, "", advanced="enable_external_js: true\n")
    house.start()
    relay = house.join("LLKZMK11LM")
    since = house.client.mark()
    path = "device/generate_external_definition"
    response = house.client.request(path, {"id": relay.name}, seconds=60)
    assert response["status"] == "ok", response
    assert response["data"]["id"] == relay.name
    source = response["data"]["source"]
    assert 'match = Model("lumi.relay.c2acn01")' in source
    saved = house.client.request(
        "converter/save", {"name": "drafted.py", "code": source}, seconds=60
    )
    assert saved["status"] == "ok", saved
    entry = decoded_by(house, relay, "lumi.relay.c2acn01", since=since)
    assert entry["ferrobee"]["origin"]["name"] == "drafted.py"
    assert "does not exist" in error(house.client.request(path, {"id": "nobody"}))
    house.stop()


def test_info_and_metrics_count_what_runs_in_python(house: House) -> None:
    port = enable(house)
    automation(
        house, "hall", "from ferrobee import start\n\n\n@start\nasync def begun():\n    1 / 0\n"
    )
    automation(house, "broken", "def broken(:")
    write(house)
    (house.data / "converters" / "broken.py").write_text("def broken(:")
    house.start()
    info = house.client.wait("bridge/info", lambda m: m.json["ferrobee"]["automations"] == 2).json
    assert info["ferrobee"]["converters"] == 2
    house.client.wait(
        "bridge/automations", lambda m: m.json["files"][1]["handlers"][0]["errors"] == 1
    )
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    for line in (
        "automation_files 2",
        "automation_files_failed 1",
        "automation_handlers 1",
        "automation_runs_total 1",
        "automation_errors_total 1",
        "converter_files 2",
        "converter_files_failed 1",
    ):
        assert f"ferrobee_{line}" in lines
    house.stop()


def test_home_assistant_follows_a_converter_that_is_swapped(house: House) -> None:
    configure(house, "homeassistant:\n  enabled: true\n")
    house.start()
    relay = house.join("LLKZMK11LM")

    def discovered(component: str, key: str, since: int, *, gone: bool = False) -> Any:  # noqa: ANN401
        topic = f"homeassistant/{component}/{relay.ieee}/{key}/config"
        found = house.client.wait_for(
            topic, lambda m: (m.text == "") == gone, since=since, seconds=30
        )
        return None if gone else json.loads(found.text)

    before = discovered("switch", "switch_l1", 0)
    assert before["device"]["model"] == "Dual relay module"
    discovered("switch", "switch_l2", 0)
    discovered("sensor", "power", 0)

    # A converter of the owner's: what it lacks goes, what it has comes, the device is another.
    since = house.client.mark()
    write(house)
    added = discovered("sensor", "double_power", since)
    assert added["unit_of_measurement"] == "W"
    assert added["device"]["model"] == "My relay"
    assert added["device"]["manufacturer"] == "Me"
    discovered("sensor", "power", since, gone=True)
    kept = discovered("switch", "switch_l1", since)
    assert kept["unique_id"] == before["unique_id"]
    assert kept["device"]["model"] == "My relay"

    # Another version of it.
    since = house.client.mark()
    text = textwrap.dedent(RELAY.format(model="MINE", before="", body="pass"))
    other = text.replace("double_power", "watts").replace("My relay", "My other relay")
    other = other.replace("    state_l2 = OnOff(endpoint=2)\n", "")
    (house.data / "converters" / "relay.py").write_text(other)
    assert discovered("sensor", "watts", since)["device"]["model"] == "My other relay"
    discovered("sensor", "double_power", since, gone=True)

    # And without it.
    since = house.client.mark()
    (house.data / "converters" / "relay.py").unlink()
    discovered("sensor", "watts", since, gone=True)
    assert discovered("sensor", "power", since)["device"] == before["device"]
    assert discovered("switch", "switch_l2", since)["device"] == before["device"]
    house.stop()
