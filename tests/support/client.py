"""An MQTT client that remembers what it has seen, so that a test can wait for it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client as Paho
from paho.mqtt.client import MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Message:
    """A message as it arrived."""

    topic: str
    text: str
    retained: bool

    @property
    def json(self) -> Any:  # noqa: ANN401  (whatever the payload holds)
        return json.loads(self.text)


class Client:
    """A client that hears everything."""

    def __init__(self, port: int) -> None:
        self.messages: list[Message] = []
        self._arrived = threading.Condition()
        self._connected = threading.Event()
        self._paho = Paho(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self._paho.on_connect = lambda client, *_: client.subscribe("#") and None
        self._paho.on_subscribe = lambda *_: self._connected.set()
        self._paho.on_message = self._on_message
        self._paho.reconnect_delay_set(1, 1)
        self._paho.connect("127.0.0.1", port)
        self._paho.loop_start()
        if not self._connected.wait(10):
            raise TimeoutError("the broker does not take the test's client")

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def publish(
        self, topic: str, payload: str | Mapping[str, Any], *, retain: bool = False
    ) -> None:
        """Publishes text as it is and anything else as JSON, below `zigbee2mqtt/`."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self._paho.publish(f"zigbee2mqtt/{topic}", text, qos=0, retain=retain)

    def mark(self) -> int:
        """The number of messages so far, for `wait(since=...)`."""
        with self._arrived:
            return len(self.messages)

    def wait(
        self,
        topic: str,
        holds: Callable[[Message], bool] = lambda _: True,
        *,
        since: int = 0,
        seconds: float = 20,
    ) -> Message:
        """Waits for a message below `zigbee2mqtt/` for which `holds`, also among those before."""
        return self.wait_for(f"zigbee2mqtt/{topic}", holds, since=since, seconds=seconds)

    def wait_for(
        self,
        full: str,
        holds: Callable[[Message], bool] = lambda _: True,
        *,
        since: int = 0,
        seconds: float = 20,
    ) -> Message:
        """The same for a whole topic."""
        deadline = time.monotonic() + seconds
        seen = since
        with self._arrived:
            while True:
                for message in self.messages[seen:]:
                    if message.topic == full and _holds(holds, message):
                        return message
                seen = len(self.messages)
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._arrived.wait(left)
            last = [m for m in self.messages[since:] if m.topic == full][-3:]
            raise TimeoutError(
                f"nothing fitting on {full} within {seconds} s; last there: {last}; "
                f"all topics: {sorted({m.topic for m in self.messages[since:]})}"
            )

    def request(self, path: str, payload: Mapping[str, Any], *, seconds: float = 20) -> Any:  # noqa: ANN401
        """Makes a `bridge/request/` and gives the response."""
        since = self.mark()
        self.publish(f"bridge/request/{path}", {**payload, "transaction": f"t{since}"})
        response = self.wait(
            f"bridge/response/{path}",
            lambda message: message.json.get("transaction") == f"t{since}",
            since=since,
            seconds=seconds,
        )
        return response.json

    def _on_message(self, _client: Paho, _data: object, message: MQTTMessage) -> None:
        text = message.payload.decode(errors="replace")
        with self._arrived:
            self.messages.append(Message(message.topic, text, message.retain))
            self._arrived.notify_all()


def _holds(condition: Callable[[Message], bool], message: Message) -> bool:
    """A payload of another shape than the condition expects does not hold."""
    try:
        return condition(message)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return False
