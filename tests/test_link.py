"""Both links, the one through a broker and the one into the bridge of this process."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from tests.support.broker import Broker
from tests.support.client import Client

from ferrobee import LinkClosed
from ferrobee._core import Bridge, MqttLink, Simulator
from ferrobee.errors import ConfigurationError, FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from ferrobee._link import Link, Message

RELAY = "0x00158d0001ab0001"


class World:
    """A broker, a bridge in this process with a relay on a simulated stick, and a client."""

    def __init__(self, directory: Path) -> None:
        self.broker = Broker(directory)
        self.broker.start()
        self.client = Client(self.broker.port)
        self.stick = Simulator()
        data = directory / "data"
        data.mkdir()
        (data / "configuration.yaml").write_text(
            "version: 5\n"
            f"mqtt:\n  server: {self.broker.url}\n"
            "serial:\n  port: /dev/null\n  adapter: zstack\n"
            "advanced:\n  log_output: []\n  log_level: error\n  output: attribute_and_json\n"
            "  pan_id: GENERATE\n  ext_pan_id: GENERATE\n  network_key: GENERATE\n"
            f"devices:\n  '{RELAY}':\n    friendly_name: relay\n    retain: true\n"
        )
        self.bridge = Bridge(data, simulator=self.stick, console=False)
        self.client.wait("bridge/devices")
        assert self.client.request("permit_join", {"time": 254})["status"] == "ok"
        self.control("add", model="LLKZMK11LM", join=True)
        self.client.wait("bridge/event", lambda m: m.json["data"]["status"] == "successful")
        self.client.publish("relay/set", {"state_l1": "ON"})
        self.client.wait("relay", lambda m: m.json["state_l1"] == "ON")
        self.report(1)
        self.client.wait("relay", lambda m: m.json["power"] == 1)
        self.stopped = False

    def control(self, command: str, **parameters: object) -> None:
        text = json.dumps({"cmd": command, "device": RELAY, **parameters})
        self.stick.control(text)

    def report(self, power: int) -> None:
        """The relay reports its power."""
        self.control("act", action="load", endpoint=1, watts=power)

    def stop(self) -> None:
        """Ends the bridge."""
        if not self.stopped:
            self.stopped = True
            self.bridge.stop()
            assert self.bridge.result() is False

    def close(self) -> None:
        self.stop()
        self.client.close()
        self.stick.close()
        self.broker.kill()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture(params=["broker", "process"])
def connect(request: pytest.FixtureRequest, world: World) -> Callable[[], Link]:
    """Makes links of either kind to the same bridge."""
    if request.param == "broker":
        return lambda: MqttLink(world.broker.url)
    return world.bridge.link


class Ear:
    """Receives, and remembers."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.heard: list[Message] = []

    async def wait(self, holds: Callable[[Message], bool]) -> Message:
        """The first message for which it holds, also among those before."""
        seen = 0
        async with asyncio.timeout(20):
            while True:
                for message in self.heard[seen:]:
                    if holds(message):
                        return message
                seen = len(self.heard)
                self.heard += await self.link.receive()

    async def topic(self, topic: str) -> Message:
        return await self.wait(lambda message: message[0] == topic)


class Noticed(logging.Handler):
    """Is left once the log says that the broker is gone."""

    def __init__(self, link: Link) -> None:
        super().__init__(logging.WARNING)
        self._name = "ferrobee.bridge.link.remote" if isinstance(link, MqttLink) else "ferrobee"
        self._loop = asyncio.get_running_loop()
        self._gone = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == self._name and "onnection to the MQTT broker" in record.getMessage():
            self._loop.call_soon_threadsafe(self._gone.set)

    async def __aenter__(self) -> None:
        logging.getLogger("ferrobee").addHandler(self)

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(20):
                await self._gone.wait()
        finally:
            logging.getLogger("ferrobee").removeHandler(self)


def power(message: Message) -> object:
    """What a message says of the relay's power."""
    topic, payload, _ = message
    return json.loads(payload).get("power") if topic == "zigbee2mqtt/relay" else None


def run(connect: Callable[[], Link], test: Callable[[Ear], Awaitable[None]]) -> None:
    """Runs a test on a link in an event loop of its own."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            link = connect()
            stack.callback(link.close)
            await test(Ear(link))

    asyncio.run(main())


def test_who_comes_hears_what_is_as_stored(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        assert ear.link.base == "zigbee2mqtt"
        devices = await ear.topic("zigbee2mqtt/bridge/devices")
        assert devices[2]
        assert RELAY in {device["ieee_address"] for device in json.loads(devices[1])}
        state = await ear.topic("zigbee2mqtt/relay")
        assert state[2]
        assert json.loads(state[1])["power"] == 1
        assert isinstance(state[1], bytes)

    run(connect, test)


def test_what_happens_is_heard_as_it_happens(world: World, connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/relay")
        world.report(38)
        _, _, stored = await ear.wait(lambda message: power(message) == 38)
        assert not stored

    run(connect, test)


def test_a_command_is_carried_out_and_an_error_is_told(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/relay")
        for state in ("OFF", "ON"):
            ear.link.publish("zigbee2mqtt/relay/set", json.dumps({"state_l1": state}).encode())
            await ear.wait(
                lambda m, state=state: (  # type: ignore[misc]
                    m[0] == "zigbee2mqtt/relay"
                    and not m[2]
                    and json.loads(m[1]).get("state_l1") == state
                )
            )
        # What is said is heard, too.
        assert not (await ear.topic("zigbee2mqtt/relay/set"))[2]
        ear.link.publish("zigbee2mqtt/nobody/set", b'{"state": "ON"}')
        error = await ear.wait(lambda m: m[0].endswith("bridge/logging") and b"nobody" in m[1])
        assert json.loads(error[1])["level"] == "error"
        ear.link.publish("zigbee2mqtt/bridge/request/health_check", b'{"transaction": "a1"}')
        response = await ear.topic("zigbee2mqtt/bridge/response/health_check")
        assert json.loads(response[1])["transaction"] == "a1"

    run(connect, test)


def test_other_topics_are_published_and_heard_where_asked_for(
    world: World, connect: Callable[[], Link]
) -> None:
    async def test(ear: Ear) -> None:
        world.client.publish("../notes/old", "kept", retain=True)
        other = Client(world.broker.port)
        ear.link.subscribe("weather/#")
        ear.link.publish("weather/here", b"\x00sun", qos=1, retain=True)
        topic, payload, stored = await ear.topic("weather/here")
        assert (topic, payload, stored) == ("weather/here", b"\x00sun", False)
        # Retained: who comes later gets it.
        ear.link.subscribe("weather/here/#")
        late = connect()
        late.subscribe("weather/here")
        again = await Ear(late).topic("weather/here")
        assert again == ("weather/here", b"\x00sun", True)
        late.close()
        ear.link.publish("weather/here", b"", retain=True)
        other.close()

    run(connect, test)


def test_ten_thousand_messages_arrive_once_and_in_order(
    world: World, connect: Callable[[], Link]
) -> None:
    count = 10_000

    async def test(ear: Ear) -> None:
        ear.link.subscribe("load/#")
        ear.link.publish("load/ready", b"")
        await ear.topic("load/ready")
        writer = connect() if connect is not world.bridge.link else MqttLink(world.broker.url)
        for number in range(count):
            writer.publish("load/x", b"%d" % number)
        last = b"%d" % (count - 1)
        await ear.wait(lambda message: message[:2] == ("load/x", last))
        numbers = [int(payload) for topic, payload, _ in ear.heard if topic == "load/x"]
        assert numbers == list(range(count))
        writer.close()

    run(connect, test)


def test_cancelling_loses_nothing(connect: Callable[[], Link]) -> None:
    count = 300

    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/bridge/devices")
        got: list[Message] = []
        for number in range(count):
            # At every moment between the publication and its arrival.
            task = asyncio.ensure_future(ear.link.receive())
            ear.link.publish("zigbee2mqtt/x", b"%d" % number)
            for _ in range(number % 7):
                await asyncio.sleep(0.0002 * (number % 3))
            if not task.cancel():
                got += task.result()
                continue
            with suppress(asyncio.CancelledError):
                got += await task
        ear.heard = got
        await ear.wait(lambda message: message[1] == b"%d" % (count - 1))
        numbers = [int(payload) for topic, payload, _ in ear.heard if topic == "zigbee2mqtt/x"]
        assert numbers == list(range(count))

    run(connect, test)


def test_a_time_limit_ends_the_wait(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/bridge/devices")
        with pytest.raises(TimeoutError):  # noqa: PT012  (as many as wait already)
            while True:
                await asyncio.wait_for(ear.link.receive(), 0.3)
        ear.link.publish("zigbee2mqtt/x", b"1")
        assert await ear.topic("zigbee2mqtt/x")

    run(connect, test)


def test_other_tasks_have_their_turn_while_messages_wait(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        for _ in range(100):
            ear.link.publish("zigbee2mqtt/x", b"1")
            before = turns
            await ear.link.receive()
            assert turns > before
        task.cancel()

    run(connect, test)


def test_two_who_receive_share_the_messages(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/bridge/devices")
        both = [asyncio.ensure_future(ear.link.receive()) for _ in range(2)]
        await asyncio.sleep(0)
        got: list[Message] = []
        async with asyncio.timeout(20):
            for payload in (b"1", b"2"):
                ear.link.publish("zigbee2mqtt/x", payload)
                while not any(message[1] == payload for message in got):
                    done, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        got += task.result()
                    both = [*waiting, asyncio.ensure_future(ear.link.receive())]
        for task in both:
            task.cancel()

    run(connect, test)


def test_closing_ends_who_receives_and_refuses_the_rest(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        link = ear.link
        await ear.topic("zigbee2mqtt/bridge/devices")

        async def listen() -> None:
            while True:
                await link.receive()

        task = asyncio.create_task(listen())
        await asyncio.sleep(0.01)
        link.close()
        link.close()
        async with asyncio.timeout(5):
            with pytest.raises(LinkClosed):
                await task
        with pytest.raises(LinkClosed):
            link.publish("zigbee2mqtt/x", b"")
        with pytest.raises(LinkClosed):
            link.subscribe("x")
        with pytest.raises(LinkClosed):
            await link.receive()

    run(connect, test)


def test_what_cannot_be_is_refused_at_once(connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        for topic in ("", "a/+", "#", "a\0"):
            with pytest.raises(ValueError, match="is not a topic"):
                ear.link.publish(topic, b"")
        for topic_filter in ("", "a#", "a/#/b", "a+"):
            with pytest.raises(ValueError, match="is not a topic filter"):
                ear.link.subscribe(topic_filter)
        with pytest.raises(ValueError, match="qos is 3"):
            ear.link.publish("a", b"", qos=3)
        with pytest.raises(TypeError):
            ear.link.publish("a", "text")  # type: ignore[arg-type]

    run(connect, test)


def test_outside_of_a_loop_waiting_is_refused(connect: Callable[[], Link]) -> None:
    link = connect()
    receiving = link.receive()

    def wait() -> None:
        while True:
            receiving.send(None)

    with pytest.raises((RuntimeError, StopIteration), match="no running event loop"):
        wait()
    link.close()


def test_a_loop_that_was_closed_disturbs_nobody(
    connect: Callable[[], Link], capfd: pytest.CaptureFixture[str]
) -> None:
    link = connect()
    loop = asyncio.new_event_loop()

    async def everything() -> None:
        async with asyncio.timeout(0.5):
            while True:
                await link.receive()

    with pytest.raises(TimeoutError):
        loop.run_until_complete(everything())
    task = loop.create_task(link.receive())
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    link.publish("zigbee2mqtt/x", b"1")

    # The message is there for the next loop.
    async def test() -> None:
        await Ear(link).topic("zigbee2mqtt/x")

    asyncio.run(test())
    link.close()
    assert not task.done()
    assert "Traceback" not in capfd.readouterr().err


def test_the_broker_goes_and_comes_back(world: World, connect: Callable[[], Link]) -> None:
    async def test(ear: Ear) -> None:
        ear.link.subscribe("weather/#")
        await ear.topic("zigbee2mqtt/relay")
        async with Noticed(ear.link):
            world.broker.kill()
        ear.heard.clear()
        ear.link.publish("weather/meanwhile", b"1")
        world.broker.start()
        # It was published when the broker was back, and the subscription was there by then.
        assert not (await ear.topic("weather/meanwhile"))[2]
        await ear.topic("zigbee2mqtt/bridge/devices")
        world.report(7)
        assert not (await ear.wait(lambda message: power(message) == 7))[2]

    run(connect, test)


def test_the_link_into_the_process_needs_no_broker(world: World) -> None:
    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/relay")
        world.broker.kill()
        world.report(5)
        await ear.wait(lambda message: power(message) == 5)
        ear.link.publish("zigbee2mqtt/relay/set", b'{"state_l1": "OFF"}')
        await ear.wait(
            lambda m: m[0] == "zigbee2mqtt/relay" and json.loads(m[1]).get("state_l1") == "OFF"
        )
        world.broker.start()

    run(world.bridge.link, test)


def test_the_end_of_the_bridge_is_the_end_of_its_links(world: World) -> None:
    async def test(ear: Ear) -> None:
        await ear.topic("zigbee2mqtt/relay")
        world.bridge.stop()
        with pytest.raises(LinkClosed):
            await ear.wait(lambda _: False)
        assert ear.heard[-1][:2] == ("zigbee2mqtt/bridge/state", b'{"state":"offline"}')
        with pytest.raises(LinkClosed):
            ear.link.publish("zigbee2mqtt/x", b"")

    run(world.bridge.link, test)
    world.stop()
    with pytest.raises(LinkClosed):
        world.bridge.link()


def test_a_bridge_that_cannot_start_has_no_links(tmp_path: Path) -> None:
    (tmp_path / "configuration.yaml").write_text("mqtt: {server: 5}\n")
    bridge = Bridge(tmp_path, console=False)
    with pytest.raises(LinkClosed):
        bridge.link()
    with pytest.raises(FerrobeeError):
        bridge.result()


@pytest.mark.parametrize(
    ("url", "base", "part"),
    [
        ("localhost", "zigbee2mqtt", "mqtt://host:1883"),
        ("http://me:hush@host", "zigbee2mqtt", "http://"),
        ("mqtt://host", "a/#", "not a base topic"),
        ("mqtt://host", "", "not a base topic"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(
    url: str, base: str, part: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        MqttLink(url, base=base)
    assert part in str(error.value)
    assert "hush" not in str(error.value)


def test_no_broker_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker(tmp_path)
    with caplog.at_level(logging.INFO, "ferrobee"):

        async def test(ear: Ear) -> None:
            ear.link.publish("zigbee2mqtt/x", b"1")
            await asyncio.sleep(1)  # a few attempts
            broker.start()
            await ear.topic("zigbee2mqtt/x")

        run(lambda: MqttLink(broker.url), test)
    broker.kill()
    lines = [record.message for record in caplog.records if "no connection" in record.message]
    assert len(lines) == 1, lines


def test_who_never_receives_holds_up_nobody(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.start()

    async def test(ear: Ear) -> None:
        ear.link.publish("zigbee2mqtt/first", b"1", retain=True)
        await ear.topic("zigbee2mqtt/first")
        deaf = MqttLink(broker.url)
        assert await deaf.receive()
        count = 50
        for number in range(count):
            # One at a time: what is published must find room, too.
            topic = f"zigbee2mqtt/x{number}"
            ear.link.publish(topic, b"x" * 1_000_000)
            await ear.topic(topic)
        # 32 MiB wait; the oldest of them went.
        while deaf.dropped < count - 33:
            ear.link.publish("zigbee2mqtt/tick", b"")
            await ear.link.receive()
        ear.link.publish("zigbee2mqtt/last", b"")
        late = Ear(deaf)
        await late.topic("zigbee2mqtt/last")
        kept = [topic for topic, _, _ in late.heard if topic.startswith("zigbee2mqtt/x")]
        assert kept == [f"zigbee2mqtt/x{number}" for number in range(count)][-len(kept) :]
        assert 30 <= len(kept) <= 33
        # What is retained is told once more, now that there is room.
        await late.wait(lambda message: message[:2] == ("zigbee2mqtt/first", b"1") and message[2])
        deaf.close()

    run(lambda: MqttLink(broker.url), test)
    broker.kill()
