"""The journal of the whole program: replayed, recorded from, killed, reported."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.program import FERROBEE, environment, ferrobee

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.client import Message
    from tests.support.house import Device, House


def lines_of(piece: bytes) -> list[str]:
    """The lines of a file of a journal, read without any code of ferrobee."""
    assert piece[:8] == b"ferrobj1"
    stream, text, at = zlib.decompressobj(wbits=-15), b"", 8
    while at + 8 <= len(piece):
        length = int.from_bytes(piece[at : at + 4], "little")
        body = piece[at + 8 : at + 8 + length]
        if len(body) < length or zlib.crc32(body) != int.from_bytes(
            piece[at + 4 : at + 8], "little"
        ):
            break
        text += stream.decompress(body)
        at += 8 + length
    return text.decode().splitlines()


def journal(data: Path) -> list[str]:
    return [
        line
        for path in sorted((data / "journal").glob("*.fbj"))
        for line in lines_of(path.read_bytes())
    ]


def live(house: House) -> tuple[Device, Device]:
    """Some life: two devices join, are commanded, pressed, and report."""
    relay = house.join("LLKZMK11LM")
    knob = house.join("ZNXNKG02LM")
    house.set(relay, "state_l1", "ON")
    since = house.client.mark()
    house.act(knob, "press", count=1)
    house.client.wait(knob.name, lambda m: m.json.get("action") == "single", since=since)
    house.set(relay, "state_l1", "OFF")
    return relay, knob


def replayed(path: Path) -> subprocess.CompletedProcess[str]:
    return ferrobee("replay", path, "--json")


def test_a_run_is_replayed_byte_for_byte(house: House) -> None:
    house.start()
    relay, _ = live(house)
    house.stop()
    first, second = replayed(house.data), replayed(house.data)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert "from the beginning of a run led to what was recorded" in first.stderr
    published = [
        (output["publish"]["topic"], output["publish"]["payload"])
        for line in first.stdout.splitlines()
        for output in json.loads(line).get("outputs", [])
        if "publish" in output
    ]
    # What the broker passed on, in its order.
    topic = f"zigbee2mqtt/{relay.name}"
    heard = [m.text for m in house.client.messages if m.topic == topic]
    assert [payload for where, payload in published if where == topic] == heard
    people = ferrobee("replay", house.data)
    assert f"-> publish {topic} {heard[-1]}" in people.stdout
    assert ferrobee("replay", house.data, "--quiet").stdout == ""


def test_each_start_is_a_run_of_its_own_and_all_are_replayed(house: House) -> None:
    house.start()
    live(house)
    house.stop()
    house.start()
    house.stop()
    result = replayed(house.data)
    assert result.returncode == 0, result.stderr
    begins = [line for line in result.stdout.splitlines() if '"step":"begin"' in line]
    assert len(begins) == 2
    assert all(json.loads(line)["whole"] for line in begins)


def test_a_killed_bridge_leaves_a_journal_that_lacks_a_second_at_most(house: House) -> None:
    bridge = house.start()
    relay, _ = live(house)
    house.set(relay, "state_l2", "ON")
    time.sleep(1.5)  # the promise is about real time
    bridge.kill()
    house.bridge = None
    result = replayed(house.data)
    assert result.returncode == 0, result.stderr
    assert '"state_l2\\":\\"ON' in result.stdout


def test_a_journal_that_was_cut_anywhere_is_replayed_up_to_there(
    house: House, tmp_path: Path
) -> None:
    house.start()
    live(house)
    house.stop()
    (piece,) = (house.data / "journal").glob("*.fbj")
    whole = piece.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 2000):
        cut = tmp_path / "cut.fbj"
        cut.write_bytes(whole[:length])
        result = replayed(cut)
        if lines_of(whole[:length]):
            assert result.returncode == 0, result.stderr
        else:
            assert "its beginning is missing" in result.stderr or result.returncode == 1


def test_what_is_no_journal_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.fbj").write_text("hello")
    assert "no journal of ferrobee" in ferrobee("replay", tmp_path / "x.fbj").stderr
    assert "there is no journal in" in ferrobee("replay", tmp_path / "journal").stderr + (
        ferrobee("replay", tmp_path).stderr
    )


def test_the_owner_can_do_without(house: House) -> None:
    configuration = house.data / "configuration.yaml"
    configuration.write_text(
        configuration.read_text() + "ferrobee:\n  journal:\n    enabled: false\n"
    )
    house.start()
    house.stop()
    assert not (house.data / "journal").exists()
    assert "enabled: false" in configuration.read_text()


def test_what_is_configured_wrongly_is_told(house: House) -> None:
    configuration = house.data / "configuration.yaml"
    configuration.write_text(
        configuration.read_text() + "ferrobee:\n  journal:\n    max_size: huge\n"
    )
    bridge = house.start()
    house.stop()
    assert "ferrobee.journal.max_size must be a whole number of MB" in bridge.text


# --- record, check, pytest --captures


def recording(house: House, device: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [FERROBEE, "record", "--data", house.data, "--device", device, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("recording ")
    return process


def _is(action: str, message: Message) -> bool:
    return bool(message.json.get("action") == action)


@pytest.fixture
def captures(house: House) -> Path:
    """Captures of a knob, pressed once and twice."""
    house.start()
    knob = house.join("ZNXNKG02LM")
    process = recording(house, knob.name, "--seconds", "30")
    for count, action in ((1, "single"), (2, "double")):
        since = house.client.mark()
        house.act(knob, "press", count=count)
        house.client.wait(knob.name, partial(_is, action), since=since)
    time.sleep(1.5)  # the journal is written once a second
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    house.stop()
    path = house.directory / "knob.jsonl"
    path.write_text(out)
    return path


def test_record_prints_frames_with_what_was_published_and_nothing_of_the_house(
    captures: Path,
) -> None:
    records = [json.loads(line) for line in captures.read_text().splitlines()]
    actions = [record["payload"].get("action") for record in records if record["payload"]]
    assert [action for action in actions if action] == ["single", "double"]
    first = records[0]
    assert first["model"] == "ZNXNKG02LM"
    assert first["zigbee_model"]
    assert re.fullmatch("([0-9a-f]{2})+", first["zcl"])
    assert first["interview"]["endpoints"]
    allowed = {
        *("time", "model", "zigbee_model", "manufacturer", "interview", "options", "state"),
        *("cache_state", "endpoint", "cluster", "profile", "group", "broadcast", "lqi", "zcl"),
        "payload",
    }
    for record in records:
        assert set(record) <= allowed
    # Neither address nor name.
    assert "0x00158d" not in captures.read_text()


def test_record_since_gives_what_is_in_the_journal_without_a_bridge(
    house: House, captures: Path
) -> None:
    address = re.search(r"zigbee2mqtt/(0x[0-9a-f]{16})'", " ".join(journal(house.data)))
    name = next(r["ieeeAddr"] for r in house.records() if r["type"] == "EndDevice")
    assert address is None or name
    result = ferrobee("record", "--data", house.data, "--device", name, "--since", "600")
    assert result.returncode == 0, result.stderr
    frames = {json.loads(line)["zcl"] for line in result.stdout.splitlines()}
    assert {json.loads(line)["zcl"] for line in captures.read_text().splitlines()} <= frames


def test_record_without_a_bridge_or_with_an_unknown_name_says_what_to_do(house: House) -> None:
    result = ferrobee("record", "--data", house.data, "--device", "knob")
    assert result.returncode == 1
    assert "no bridge is writing a journal" in result.stderr
    assert "ferrobee run" in result.stderr
    house.start()
    relay = house.join("LLKZMK11LM")
    assert house.client.request("device/rename", {"from": relay.ieee, "to": "hall_relay"})
    time.sleep(1.2)  # the journal is written once a second
    result = ferrobee("record", "--data", house.data, "--device", "hal_relay")
    assert result.returncode == 2
    assert "Did you mean 'hall_relay'?" in result.stderr
    house.stop()


def changed(captures: Path) -> Path:
    """Captures that this version decodes otherwise."""
    other = captures.with_name("changed.jsonl")
    text = captures.read_text().replace('"action":"single"', '"action":"one_click"')
    assert text != captures.read_text()
    other.write_text(text)
    return other


def test_check_says_which_devices_would_publish_something_else(captures: Path) -> None:
    good = ferrobee("check", "--captures", captures)
    assert good.returncode == 0, good.stdout
    assert "the same" in good.stdout
    bad = ferrobee("check", "--captures", captures, changed(captures))
    assert bad.returncode == 1
    assert "changed (ZNXNKG02LM): 1 of" in bad.stdout
    assert re.search(r'action +"one_click" +"single"', bad.stdout)
    records = [
        json.loads(line)
        for line in ferrobee("check", "--json", "--captures", captures).stdout.splitlines()
    ]
    assert all(record["same"] for record in records)


def test_check_is_not_ended_by_times_that_no_clock_has(captures: Path) -> None:
    lines = [json.loads(line) for line in captures.read_text().splitlines()]
    times = [-(2**63), 2**63 - 1, 0]
    for index, line in enumerate(lines):
        line["time"] = times[index % len(times)]
    captures.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = ferrobee("check", "--captures", captures)
    assert result.returncode in (0, 1), result.stderr
    assert "panicked" not in result.stderr


def test_check_takes_the_captures_of_the_data_directory(house: House, captures: Path) -> None:
    result = ferrobee("check", "--data", house.data)
    assert result.returncode == 2
    assert "ferrobee record --data" in result.stderr
    folder = house.data / "captures"
    folder.mkdir()
    captures.rename(folder / "knob.jsonl")
    result = ferrobee("check", "--data", house.data)
    assert result.returncode == 0, result.stdout


def pytest_run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        *(sys.executable, "-m", "pytest", "-p", "ferrobee.testing._captures"),
        *("-q", "-p", "no:cacheprovider"),
    ]
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
        cwd=Path(arguments[-1]).parent,
    )


def test_each_capture_is_a_test(captures: Path) -> None:
    count = len(captures.read_text().splitlines())
    good = pytest_run("--captures", captures)
    assert f"{count} passed" in good.stdout, good.stdout + good.stderr
    bad = pytest_run("--captures", changed(captures))
    assert f"1 failed, {count - 1} passed" in bad.stdout, bad.stdout + bad.stderr
    assert re.search(r'action +"one_click" +"single"', bad.stdout)


# --- what automations would have done

AUTOMATION = """
from ferrobee import home, on
from ferrobee.models.aqara import LLKZMK11LM, ZNXNKG02LM

knob = home.device("knob", ZNXNKG02LM)
relay = home.device("relay", LLKZMK11LM)


@on(knob.action.single)
async def toggle() -> None:
    await relay.state_l1.toggle()


@on(relay.state_l1 == "ON", hold="20s")
async def late() -> None:
    await relay.state_l2.on()
"""


def test_an_edited_automation_shows_what_it_would_have_commanded(
    house: House, tmp_path: Path
) -> None:
    house.start()
    relay, knob = house.join("LLKZMK11LM"), house.join("ZNXNKG02LM")
    for device, name in ((relay, "relay"), (knob, "knob")):
        house.client.request("device/rename", {"from": device.ieee, "to": name})
        device.name = name
    house.stop()
    house.start()
    for _ in range(2):
        since = house.client.mark()
        house.act(knob, "press", count=1)
        house.client.wait(knob.name, partial(_is, "single"), since=since)
    house.stop()
    live, new = tmp_path / "live", tmp_path / "new"
    for folder, text in (
        (live, AUTOMATION),
        (new, AUTOMATION.replace("relay.state_l1.toggle()", "relay.state_l2.on()")),
    ):
        folder.mkdir()
        (folder / "hall.py").write_text(text)
    alone = ferrobee("replay", house.data, "--automations", live)
    assert alone.returncode == 0, alone.stderr
    assert [line.split(" ", 1)[1] for line in alone.stdout.splitlines()] == [
        'relay/set {"state_l1": "TOGGLE"}',
        'relay/set {"state_l1": "TOGGLE"}',
    ]
    same = ferrobee("replay", house.data, "--automations", live, "--against", live)
    assert (same.returncode, same.stdout) == (0, ""), same.stderr
    other = ferrobee("replay", house.data, "--automations", new, "--against", live, "--json")
    assert other.returncode == 1
    signs = [(line[0], json.loads(line[1:])["payload"]) for line in other.stdout.splitlines()[2:]]
    assert signs.count(("-", {"state_l1": "TOGGLE"})) == 2
    assert signs.count(("+", {"state_l2": "ON"})) == 2


# --- secrets

PASSWORD = "hunter2-of-the-house"  # noqa: S105
USER = "housekeeper"
TOKEN = "a-token-that-nobody-knows"  # noqa: S105
PIN = "471193"
INSTALL_CODE = "83FED3407A939723A5C639B26916D505C3B5"


def forms(secret: str | bytes) -> Iterable[bytes]:
    """What a secret looks like."""
    data = secret.encode() if isinstance(secret, str) else secret
    if isinstance(secret, str):
        yield data
    yield data.hex().encode()
    yield data.hex().upper().encode()
    yield data.hex(":").encode()
    yield base64.b64encode(data)[:-3]
    yield ", ".join(map(str, data)).encode()
    yield ",".join(map(str, data)).encode()
    yield ",\n".join(f"{byte}" for byte in data).encode()


def plant(house: House) -> list[str | bytes]:
    """Secrets wherever there may be some; the bridge runs and was told of them all."""
    configuration = house.data / "configuration.yaml"
    text = configuration.read_text().replace(
        "serial:", f"  user: {USER}\n  password: {PASSWORD}\nserial:"
    )
    configuration.write_text(text + f"frontend:\n  enabled: false\n  auth_token: {TOKEN}\n")
    house.start()
    relay, _ = live(house)
    client = house.client
    key = bytes(house.network_key())
    code = {"value": f"000b57fffe1938a5|{INSTALL_CODE}"}
    assert client.request("install_code/add", code)["status"] == "ok"
    client.publish(f"{relay.name}/set", {"pin_code": {"user": 1, "pin_code": PIN}})
    client.publish(f"{relay.name}/set/pin_code", json.dumps({"user": 1, "pin_code": int(PIN)}))
    client.request("options", {"options": {"mqtt": {"password": PASSWORD}}})
    client.request("options", {"options": {"advanced": {"network_key": list(key)}}})
    client.request("backup", {})
    client.request("coordinator_check", {})
    client.publish("nobody/set", {"server": f"mqtt://{USER}:{PASSWORD}@host"})
    house.stop()
    log = house.data / "log" / "2026-01-01.00-00-00"
    log.mkdir(parents=True)
    (log / "log.log").write_text(
        f"z2m: key {key.hex()} {key.hex(' ')} {list(key)}\n"
        f"z2m: mqtt://{USER}:{PASSWORD}@host {base64.b64encode(PASSWORD.encode()).decode()}\n"
        f'z2m: {{"pin_code": "{PIN}", "auth_token": "{TOKEN}"}} {TOKEN} {key[::-1].hex()}\n'
        "z2m: an innocent line\n"
    )
    return [PASSWORD, USER, TOKEN, PIN, key, key[::-1], INSTALL_CODE, bytes.fromhex(INSTALL_CODE)]


def find(secrets: Iterable[str | bytes], content: bytes, where: str) -> list[str]:
    lower = content.lower()
    return [
        f"{where}: {form!r}"
        for secret in secrets
        for form in forms(secret)
        if form.lower() in lower
    ]


def test_no_secret_is_in_the_journal_and_it_is_replayed_nevertheless(house: House) -> None:
    secrets = plant(house)
    lines = journal(house.data)
    assert any("install_code/add" in line for line in lines)
    assert any("pin_code" in line for line in lines)
    assert find(secrets, "\n".join(lines).encode(), "journal") == []
    result = replayed(house.data)
    assert result.returncode == 0, result.stderr
    assert find(secrets, result.stdout.encode(), "replay") == []


def test_no_secret_is_in_a_report(house: House, tmp_path: Path) -> None:
    secrets = plant(house)
    (house.data / "captures").mkdir()
    (house.data / "captures" / "hall.jsonl").write_text("{}\n")
    bundle = tmp_path / "report.zip"
    result = ferrobee("report", "--data", house.data, "--output", bundle)
    assert result.returncode == 0, result.stderr
    found = []
    with zipfile.ZipFile(bundle) as opened:
        names = opened.namelist()
        for name in names:
            assert name in result.stdout
            content = opened.read(name)
            if name.endswith(".fbj"):
                content = "\n".join(lines_of(content)).encode()
            found += find(secrets, content, name)
        assert found == []
        assert b"an innocent line" in opened.read("log.txt")
        assert b"hall.jsonl" in opened.read("captures.txt")
        devices = json.loads(opened.read("devices.json"))
        assert any(device["type"] == "Router" for device in devices)
        settings = json.loads(opened.read("configuration.json"))
        assert settings["mqtt"]["base_topic"] == "zigbee2mqtt"
        assert json.loads(opened.read("versions.json"))["ferrobee"]
        (piece,) = (name for name in names if name.endswith(".fbj"))
        (tmp_path / "piece.fbj").write_bytes(opened.read(piece))
    assert replayed(tmp_path / "piece.fbj").returncode == 0
    again = ferrobee("report", "--data", house.data, "--output", bundle)
    assert again.returncode == 1
    assert "exists" in again.stderr.lower()


def test_a_pytest_plugin_leaves_other_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n")
    result = pytest_run(tmp_path / "test_one.py")
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def size(data: Path) -> int:
    return sum(path.stat().st_size for path in (data / "journal").glob("*.fbj"))


def test_the_journal_keeps_its_size(house: House) -> None:
    configuration = house.data / "configuration.yaml"
    configuration.write_text(configuration.read_text() + "ferrobee: {journal: {max_size: 1}}\n")
    house.start()
    house.join("LLKZMK11LM")
    largest = 0
    for _ in range(10):
        before = size(house.data)
        for _ in range(60):
            noise = base64.b64encode(os.urandom(3000)).decode()
            house.client.publish("nobody/set", {"noise": noise})
        deadline = time.monotonic() + 20
        while size(house.data) == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)  # it is written once a second
        largest = max(largest, size(house.data))
    house.stop()
    assert largest > 500_000
    assert max(largest, size(house.data)) <= 1_000_000
    result = ferrobee("replay", house.data, "--quiet")
    assert result.returncode == 0, result.stderr
    assert "does not begin its run" in result.stderr
    last = sorted((house.data / "journal").glob("*.fbj"))[-1]
    entries: list[dict[str, Any]] = [
        json.loads(line) for line in replayed(last).stdout.splitlines()
    ]
    assert entries[0]["step"] == "begin"
    assert not entries[0]["whole"]
