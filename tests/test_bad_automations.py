"""Automations that are wrong, in the real program: each is named, and the rest runs."""

from __future__ import annotations

import re
import signal
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.house import House

GOOD = """
from ferrobee import every, home

@every("1s")
async def tick():
    home.publish("zigbee2mqtt/told", {"good": True})
"""


def save(house: House, name: str, text: str) -> Path:
    file = house.data / "automations" / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text).lstrip())
    return file


def logged(house: House, *texts: str, since: int = 0) -> str:
    """Waits for a line of the log that has all these texts."""
    message = house.client.wait(
        "bridge/logging",
        lambda m: all(text in m.json["message"] for text in texts),
        since=since,
        seconds=60,
    )
    line: str = message.json["message"]
    return line


def works(house: House) -> None:
    """Another file goes on."""
    house.client.wait("told", lambda m: m.json == {"good": True}, since=house.client.mark())


def reported(house: House, id: str, since: int = 0) -> dict[str, Any]:  # noqa: A002
    """What `bridge/automations` says of a file with an error."""

    def find(told: dict[str, Any]) -> dict[str, Any] | None:
        return next((one for one in told["files"] if one["id"] == id and one["error"]), None)

    message = house.client.wait("bridge/automations", lambda m: bool(find(m.json)), since=since)
    found = find(message.json)
    assert found is not None
    return found


def test_files_that_can_not_be_loaded_are_named_and_the_others_run(house: House) -> None:
    save(house, "good", GOOD)
    save(house, "syntax", "from ferrobee import home\n\ndef broken(:\n")
    save(house, "imports", "import os\nimport nothing_like_this\n")
    save(house, "raises", "x = 1\ny = x / 0\n")
    save(house, "exits", "import sys\n\nsys.exit('enough')\n")
    (house.data / "automations" / "rooms").mkdir()
    save(house, "rooms/good", GOOD)
    house.start()
    for name, line, reason in (
        ("syntax", 3, "SyntaxError: "),
        ("imports", 2, "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("raises", 2, "ZeroDivisionError: division by zero"),
        ("exits", 3, "SystemExit: enough"),
    ):
        logged(house, f"{name}.py, line {line}: {reason}")
        assert reason in reported(house, name)["error"]
    twice = logged(house, "its id would be 'good', as that of", "rename one of them")
    assert "/good.py" in twice
    assert "/rooms/good.py" in twice
    works(house)
    house.stop()


def test_a_device_that_is_not_there_is_named_with_the_near_ones(house: House) -> None:
    save(house, "good", GOOD)
    house.start()
    relay = house.join("LLKZMK11LM")
    response = house.client.request("device/rename", {"from": relay.name, "to": "hall_relay"})
    assert response["status"] == "ok"
    since = house.client.mark()
    save(
        house,
        "hall",
        """
        from ferrobee import home, on, start
        from ferrobee.models.aqara import LLKZMK11LM

        relay = home.device("hall_realy", LLKZMK11LM)

        @on(relay.power > 5)
        async def busy(): ...

        @start
        async def begun():
            home.device("hall_rely")
        """,
    )
    logged(house, "hall.py, line 4: UnknownName: ", "Did you mean 'hall_relay'?", since=since)
    # At the start files are loaded before the house is known; then the handlers are named.
    house.stop()
    since = house.client.mark()
    bridge = house.start()
    told = house.client.wait(
        "bridge/automations",
        lambda m: all(one["last_error"] for one in m.json["files"][1]["handlers"]),
        since=since,
    ).json["files"][1]["handlers"]
    assert all("Did you mean 'hall_relay'?" in one["last_error"] for one in told)
    assert "busy waits for what is not there: no device or group is called" in bridge.text
    assert re.search(r"begun failed: .*hall.py:11: UnknownName: no device or group", bridge.text)
    since = house.client.mark()
    save(house, "typo", "from ferrobee import hom\n")
    logged(house, "typo.py, line 1: ImportError", "Did you mean", since=since)
    works(house)
    house.stop()


def test_an_import_that_never_ends_holds_nobody_up_and_is_named(house: House) -> None:
    save(house, "a_endless", "import time\n\nwhile True:\n    time.sleep(0.01)\n")
    save(house, "good", GOOD)
    house.start()
    # Others do not wait for the thirty seconds that an import has.
    house.client.wait("bridge/logging", lambda m: "good.py loaded" in m.json["message"], seconds=15)
    works(house)
    logged(house, "a_endless.py, line ", "its import has not ended within 30 s")
    house.stop()


BLOCKS = """
from ferrobee import home, start

@start
async def blocks():
    home.publish("zigbee2mqtt/told", {"blocks": True})
    while True:
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_handler_that_never_gives_the_loop_back_is_named_while_it_blocks_and_can_be_stopped(
    house: House, number: signal.Signals
) -> None:
    save(house, "good", GOOD)
    bridge = house.start()
    relay = house.join("LLKZMK11LM")
    works(house)
    since = house.client.mark()
    file = save(house, "blocking", BLOCKS)
    house.client.wait("told", lambda m: m.json == {"blocks": True}, since=since)
    logged(house, "has kept, and still keeps, everything waiting", f"{file}:", since=since)
    # The bridge itself goes on.
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    # What is left behind is no good end; but it is one, and soon enough for `docker stop`.
    assert bridge.stop(number, seconds=10) == 1
    house.bridge = None
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
    assert "An automation blocks the loop and is left behind." in bridge.text
    assert "Traceback" not in bridge.text


def test_a_stop_while_handlers_run_lets_them_end_and_cancels_those_that_do_not(
    house: House,
) -> None:
    save(
        house,
        "hall",
        """
        import asyncio
        from ferrobee import home, run_blocking, start
        import time

        def say(word):
            home.publish("zigbee2mqtt/told", {"said": word})

        @start
        async def short():
            say("short begins")
            await asyncio.sleep(1.5)
            say("short ends")

        @start
        async def threaded():
            await run_blocking(time.sleep, 1)
            say("threaded ends")

        @start
        async def long():
            say("long begins")
            try:
                await asyncio.sleep(3600)
            finally:
                say("long tidies up")
        """,
    )
    bridge = house.start()
    house.client.wait("told", lambda m: m.json == {"said": "long begins"})
    since = house.client.mark()
    assert bridge.stop() == 0
    house.bridge = None
    house.client.wait("bridge/state", lambda m: m.json["state"] == "offline", since=since)
    said = [m.json["said"] for m in house.client.messages[since:] if m.topic.endswith("told")]
    assert sorted(said) == ["long tidies up", "short ends", "threaded ends"]
    assert re.search(r"hall.py:\d+ long is still running; it is cancelled", bridge.text)
    assert "Traceback" not in bridge.text
