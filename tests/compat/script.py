"""One automation script, beside ferrobee and beside Zigbee2MQTT: it has to do the same.

    python -m tests.benchmarks --install   once: fetches Zigbee2MQTT and Node.js from npm
    python -m tests.compat.script

`hall.py` runs as a process of its own on the broker; the switch is pressed on the simulated stick.
Zigbee2MQTT is only run, never linked, copied or distributed (it is under the GPL).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.__main__ import MODULES
from tests.compat.takeover import START, Check, Zigbee2Mqtt, respond
from tests.support.house import House

SCRIPT = Path(__file__).with_name("hall.py")
EXPECTED = ["ready", "on ON ON", "off OFF", "interlock True", "group OFF"]


def furnish(house: House) -> str:
    """A relay, a switch, and a group of both channels; gives the switch's address."""
    names = {"LLKZMK11LM": "hall_relay", "QBKG41LM": "hall_switch"}
    for model, name in names.items():
        device = house.join(model)
        respond(house.client.request("device/rename", {"from": device.ieee, "to": name}))
    respond(house.client.request("group/add", {"friendly_name": "hall"}))
    for endpoint in ("l1", "l2"):
        member = {"group": "hall", "device": "hall_relay", "endpoint": endpoint}
        respond(house.client.request("group/members/add", member))
    return device.ieee


def answer(house: House) -> None:
    """Zigbee2MQTT says that it is online before it hears anything: waits until it does."""
    for _ in range(20):
        try:
            house.client.request("health_check", {}, seconds=1)
        except TimeoutError:
            continue
        return
    raise TimeoutError("no answer to health_check")


def act(check: Check, house: House, who: str, switch: str) -> None:
    """Runs the script and lets things happen to it."""
    client = house.client
    since = client.mark()
    client.publish("hall_switch/set", {"state_left": "OFF"})
    client.wait("hall_switch", lambda m: m.json["state_left"] == "OFF", since=since)
    since = client.mark()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        log = directory / "log"
        command = [sys.executable, str(SCRIPT), house.broker.url, str(directory / "hall.db")]
        with log.open("wb") as out:
            script = subprocess.Popen(command, stdout=out, stderr=out)

        def wait(text: str) -> None:
            client.wait("script/said", lambda m: m.text == text, since=since)

        try:
            wait("ready")
            house.control("act", device=switch, action="press", button="left")
            wait("off OFF")
            client.publish("script/ask", "")
            wait(EXPECTED[-1])
        except TimeoutError as error:
            print(f"{who}: {error}\n{log.read_text()[-3000:]}")
        found = [m.text for m in client.messages[since:] if m.topic == "zigbee2mqtt/script/said"]
        check.equal(f"{who}: what the script says", found, EXPECTED)
        script.terminate()
        check.equal(f"{who}: the script ends well", script.wait(20), 0)
        check.equal(f"{who}: nothing failed", "Traceback" in log.read_text(), False)


def main() -> int:
    if not (MODULES / "zigbee2mqtt").is_dir():
        sys.exit("Zigbee2MQTT is not installed: python -m tests.benchmarks --install")
    check = Check()
    with tempfile.TemporaryDirectory() as directory:
        house = House(Path(directory))
        try:
            house.start()
            switch = furnish(house)
            act(check, house, "ferrobee", switch)
            house.stop()
            since = house.client.mark()
            theirs = Zigbee2Mqtt(house.data)
            try:
                house.client.wait(
                    "bridge/state",
                    lambda m: m.json["state"] == "online",
                    since=since,
                    seconds=START,
                )
                answer(house)
                act(check, house, "Zigbee2MQTT", switch)
                check.equal("Zigbee2MQTT: stops", theirs.stop(), 0)
            except TimeoutError as error:
                check.equal(f"Zigbee2MQTT: {error}", theirs.text[-3000:], "")
            finally:
                theirs.kill()
        finally:
            house.close()
    print(f"{check.failed} checks failed" if check.failed else "all passed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
