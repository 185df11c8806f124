"""What automations and a bridge say to each other: messages of the Zigbee2MQTT contract.

The same runtime works inside the bridge (`_core.BridgeLink`), as a script on any broker
(`_core.MqttLink`) and in virtual time (`_core.VirtualBridge`): all three are a `Link`.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

__all__ = ["Link", "Message"]

Message: TypeAlias = tuple[str, bytes, bool]
"""The full topic (base included), the payload, and whether the message was stored: retained at the
broker, said at the greeting, or a cached state. A stored message tells what is, not that something
happened."""


class Link(Protocol):
    """A way to one bridge, for one asyncio loop."""

    @property
    def base(self) -> str:
        """The base topic: `zigbee2mqtt`."""

    async def receive(self) -> list[Message]:
        """The next messages in their order, at least one.

        Cancelling it loses nothing: the next call returns what this one would have. One call at a
        time. Raises `LinkClosed` after `close()`.
        """

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Publishes; returns at once. `qos` is 0, 1 or 2, else `ValueError`.

        While there is no broker, messages wait in a queue of limited length. Raises `LinkClosed`
        after `close()`.
        """

    def subscribe(self, topic_filter: str) -> None:
        """Asks for more than is heard anyway; also after every reconnect.

        That is `base/#` of a broker, and in the bridge what it and its automations say there.

        Raises `ValueError` if it is no topic filter, `LinkClosed` after `close()`.
        """

    def close(self) -> None:
        """Ends the link; what was published before still goes out. More than once does nothing."""
