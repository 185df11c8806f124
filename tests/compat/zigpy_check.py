"""Runs zigpy-znp against the simulated coordinator.

Form, endpoints, permit join, interview, control, report, resume.
Usage: python zigpy_check.py SIMULATOR [FIRMWARE]; prints one line per check.
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import zigpy.config
import zigpy.types
import zigpy.zdo.types
from zigpy_znp.zigbee.application import ControllerApplication

MODELS = [
    "LLKZMK11LM",
    "ZNMS11LM",
    "ZNXNKG02LM",
    "QBKG41LM",
    "QBKG40LM",
    "BULB",
    "THERMOMETER",
    "CONTACT",
    "PLUG",
    "REMOTE",
]


def address(model: str) -> str:
    return f"0x00158d00010000{MODELS.index(model):02x}"


def eui64(model: str) -> zigpy.types.EUI64:
    digits = address(model)[2:]
    return zigpy.types.EUI64.convert(":".join(digits[i : i + 2] for i in range(0, 16, 2)))


class Simulator:
    """The simulator as a child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.tcp = ""
        self.pty = ""

    @classmethod
    async def start(cls, binary: str, *options: str) -> "Simulator":
        process = await asyncio.create_subprocess_exec(
            binary,
            "--tcp",
            "127.0.0.1:0",
            *options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        simulator = cls(process)
        ready = await simulator.line()
        simulator.tcp = ready["tcp"]
        simulator.pty = ready.get("pty", "")
        return simulator

    async def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer

    async def command(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        return await self.line()

    async def read(self, model: str, cluster: int, attribute: int, endpoint: int = 1) -> float:
        answer = await self.command(
            cmd="read",
            device=address(model),
            endpoint=endpoint,
            cluster=cluster,
            attribute=attribute,
        )
        number: float = answer["number"]
        return number

    async def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


class Checks:
    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    async def check(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(60):
                await run()
        except Exception:
            self.failed += 1
            print(f"FAIL  {name}: {traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok    {name} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)


def config(tcp: str = "", path: str = "") -> dict[str, Any]:
    return {
        zigpy.config.CONF_DEVICE: {
            zigpy.config.CONF_DEVICE_PATH: path or f"socket://{tcp}",
            zigpy.config.CONF_DEVICE_BAUDRATE: 115200,
            zigpy.config.CONF_DEVICE_FLOW_CONTROL: None,
        },
        zigpy.config.CONF_DATABASE: None,
        zigpy.config.CONF_NWK: {
            zigpy.config.CONF_NWK_PAN_ID: 0x1A63,
            zigpy.config.CONF_NWK_EXTENDED_PAN_ID: "dd:dd:dd:dd:dd:dd:dd:df",
            zigpy.config.CONF_NWK_CHANNEL: 20,
            zigpy.config.CONF_NWK_KEY: [1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10, 12, 14],
        },
        zigpy.config.CONF_OTA: {zigpy.config.CONF_OTA_ENABLED: False},
        zigpy.config.CONF_TOPO_SCAN_ENABLED: False,
    }


class Joined:
    """Waits for devices to be initialised."""

    def __init__(self) -> None:
        self.ready: dict[zigpy.types.EUI64, asyncio.Event] = {}

    def event(self, ieee: zigpy.types.EUI64) -> asyncio.Event:
        return self.ready.setdefault(ieee, asyncio.Event())

    def device_initialized(self, device: Any) -> None:
        self.event(device.ieee).set()


async def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def run(binary: str, firmware: str) -> int:
    checks = Checks()
    check = checks.check
    with tempfile.TemporaryDirectory() as directory:
        nv = str(Path(directory) / "nv.json")
        simulator = await Simulator.start(binary, "--firmware", firmware, "--nv", nv)
        app = ControllerApplication(config(simulator.tcp))
        joined = Joined()

        async def form() -> None:
            await app.startup(auto_form=True)
            info = app.state.network_info
            assert info.pan_id == 0x1A63, info
            assert info.channel == 20, info

        await check("start: a network is formed", form)
        app.add_listener(joined)

        async def permit() -> None:
            await app.permit(200)
            assert (await simulator.command(cmd="state"))["permit_join"]

        await check("permit join", permit)

        for model in MODELS:

            async def join(model: str = model) -> None:
                answer = await simulator.command(
                    cmd="add", model=model, device=address(model), join=True
                )
                assert answer["ok"], answer
                await joined.event(eui64(model)).wait()
                device = app.devices[eui64(model)]
                assert device.is_initialized and device.model, device

            await check(f"join and interview: {model}", join)

        def endpoint(model: str, number: int = 1) -> Any:
            return app.devices[eui64(model)].endpoints[number]

        async def relay() -> None:
            for number in (1, 2):
                await endpoint("LLKZMK11LM", number).on_off.on()
                assert await simulator.read("LLKZMK11LM", 6, 0, number) == 1
                await endpoint("LLKZMK11LM", number).on_off.toggle()
                assert await simulator.read("LLKZMK11LM", 6, 0, number) == 0

        await check("relay: on, off, toggle on both endpoints", relay)

        async def read() -> None:
            success, failure = await endpoint("LLKZMK11LM").on_off.read_attributes(["on_off"])
            assert success == {"on_off": 0} and not failure, (success, failure)

        await check("relay: read an attribute", read)

        async def report() -> None:
            cluster = endpoint("LLKZMK11LM", 2).on_off
            await simulator.command(
                cmd="act", device=address("LLKZMK11LM"), action="press", endpoint=2
            )
            await wait_until(lambda: cluster.get("on_off") == 1)

        await check("relay: a press is reported", report)

        async def bulb() -> None:
            await endpoint("BULB").level.move_to_level_with_on_off(level=77, transition_time=0)
            assert await simulator.read("BULB", 8, 0) == 77
            await endpoint("BULB").light_color.move_to_color_temp(
                color_temp_mireds=300, transition_time=0
            )
            assert await simulator.read("BULB", 0x300, 7) == 300

        await check("bulb: level and colour temperature", bulb)

        async def reporting() -> None:
            cluster = endpoint("THERMOMETER").temperature
            await simulator.command(
                cmd="act",
                device=address("THERMOMETER"),
                action="report",
                cluster=1026,
                attributes=[0],
            )
            await cluster.bind()
            await cluster.configure_reporting("measured_value", 0, 3600, 10)
            await simulator.command(
                cmd="act",
                device=address("THERMOMETER"),
                action="set",
                cluster=1026,
                attribute=0,
                value=2345,
            )
            await wait_until(lambda: cluster.get("measured_value") == 2345)

        await check("thermometer: bind, configure reporting, report", reporting)

        async def group() -> None:
            app.groups.add_group(9, "nine", suppress_event=True)
            await endpoint("PLUG").add_to_group(9, "nine")
            await app.groups[9].endpoint.on_off.on()

            async with asyncio.timeout(5):
                while await simulator.read("PLUG", 6, 0) != 1:
                    await asyncio.sleep(0.01)

        await check("group: add a member and switch it", group)

        async def neighbours() -> None:
            status, table = (await app._device.zdo.Mgmt_Lqi_req(0))[:2]
            assert status == zigpy.zdo.types.Status.SUCCESS and table.Entries == len(MODELS), table

        await check("link quality table", neighbours)

        async def scan() -> None:
            energies = await app.energy_scan(
                channels=zigpy.types.Channels.ALL_CHANNELS, duration_exp=2, count=1
            )
            assert len(energies) == 16, energies

        await check("energy scan", scan)

        async def backup() -> None:
            await app.load_network_info(load_devices=True)
            info = app.state.network_info
            assert len(info.nwk_addresses) == len(MODELS), info.nwk_addresses
            assert firmware == "cc2531" or len(info.key_table) == len(MODELS), info.key_table

        await check("network backup", backup)

        async def leave() -> None:
            device = eui64("PLUG")
            await app.remove(device)
            async with asyncio.timeout(5):
                while True:
                    devices = (await simulator.command(cmd="devices"))["devices"]
                    if not next(d for d in devices if d["device"] == address("PLUG"))["joined"]:
                        break
                    await asyncio.sleep(0.01)

        await check("a device leaves when told to", leave)

        async def resume() -> None:
            nonlocal app
            await app.shutdown()
            app = ControllerApplication(config(simulator.tcp))
            await app.startup(auto_form=False)
            assert app.state.network_info.pan_id == 0x1A63

        await check("start again: the network is resumed", resume)

        async def restart() -> None:
            nonlocal app, simulator
            await app.shutdown()
            await simulator.stop()
            simulator = await Simulator.start(binary, "--firmware", firmware, "--nv", nv)
            app = ControllerApplication(config(simulator.tcp))
            await app.startup(auto_form=False)
            assert app.state.network_info.channel == 20
            await app.shutdown()

        await check("restart of the stick from its image: resumed again", restart)

        async def terminal() -> None:
            nonlocal simulator
            await simulator.stop()
            simulator = await Simulator.start(binary, "--firmware", firmware, "--nv", nv, "--pty")
            serial = ControllerApplication(config(path=simulator.pty))
            await serial.startup(auto_form=False)
            assert serial.state.network_info.channel == 20
            await serial.shutdown()

        await check("the same stick on a pseudo terminal", terminal)
        await simulator.stop()
    print(f"zigpy-znp on {firmware}: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


def main() -> int:
    # Warnings of the libraries about their own retries are of no interest here.
    logging.basicConfig(level=logging.DEBUG if os.environ.get("COMPAT_DEBUG") else logging.CRITICAL)
    firmware = sys.argv[2] if len(sys.argv) > 2 else "cc2652"
    return asyncio.run(run(sys.argv[1], firmware))


if __name__ == "__main__":
    sys.exit(main())
