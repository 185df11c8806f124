"""Automations in a script of their own: `python hall.py`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ferrobee import _loop
from ferrobee._automations.calendar import Place
from ferrobee._automations.loader import File
from ferrobee._automations.place import follow_place
from ferrobee._automations.runner import log
from ferrobee._automations.runtime import Runtime
from ferrobee._home import Home
from ferrobee._scope import current
from ferrobee.errors import FerrobeeError, LinkClosed, WaitTimeout

if TYPE_CHECKING:
    from os import PathLike

    from ferrobee._link import Message

__all__ = ["begin", "current_home", "run"]

READY = 10.0
"""Seconds after which somebody is told that the bridge has said nothing yet."""


def current_home() -> Home:
    """What `home` means to whoever asks."""
    scope = current()
    if scope.home is None:
        scope.home = Home(LateLink())
    return scope.home


def run(
    url: str | None = None,
    *,
    base: str = "zigbee2mqtt",
    db: str | PathLike[str] | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
) -> None:
    """Runs the automations of this script, until Ctrl-C or SIGTERM.

    `url` is the broker of `home`, like `mqtt://user:password@host:1883`, and `base` its base topic;
    without a url only homes of `Home.connect` run. Timers and values are kept in `db`, else in
    SCRIPT.db beside the script. `latitude` and `longitude` are for the sun, in degrees; without
    them the bridge is asked, which knows if it is ferrobee.
    """
    from ferrobee._connect import connect
    from ferrobee._ledgers import FileLedger

    scope = current()
    path = Path(getattr(sys.modules["__main__"], "__file__", None) or "script.py").absolute()
    scope.id = path.stem
    place = None
    if latitude is not None and longitude is not None:
        place = Place(latitude, longitude)
    if not logging.getLogger().handlers and not logging.getLogger("ferrobee").handlers:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    file = File(scope.id, path, scope, None)
    file.declare()

    async def main() -> None:
        late = current_home()
        ledger = FileLedger(path.with_suffix(".db") if db is None else db)
        if url is not None:
            link, _ = connect(url, base, None)
            filters = late.link.filters if isinstance(late.link, LateLink) else []
            late.attach(link, ledger)
            for topic_filter in filters:
                link.subscribe(topic_filter)
        elif scope.homes:
            # What is of no home in particular is of the first one.
            late = scope.home = scope.homes.pop(0)
            late.ledger = ledger
        else:
            raise FerrobeeError('run() has no broker: write run("mqtt://localhost:1883")')
        runtime = Runtime(late, ledger, late.clock, place=place)
        forget = follow_place(runtime) if place is None else None
        await runtime.open()
        runtime.install(file)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        pump = loop.create_task(late.run(), name="ferrobee home")
        begun = loop.create_task(begin(runtime), name="ferrobee begin")
        waiter = loop.create_task(ended.wait())
        await asyncio.wait({pump, waiter}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        waiter.cancel()
        await runtime.close()
        late.close()
        await pump
        if forget is not None:
            forget()
        ledger.close()

    _loop.run(main())


async def begin(runtime: Runtime) -> None:
    """Lets automations begin once the bridge has said which devices there are."""
    told = False
    while True:
        try:
            await runtime.home.ready(timeout=READY)
        except WaitTimeout as error:
            if not told:
                told = True
                log.warning("automations wait: %s", error)
            continue
        except FerrobeeError:
            # A device that is not there: the home has said so, and the others work.
            pass
        break
    runtime.begin()


class LateLink:
    """The link of a home that is not connected yet."""

    base = "zigbee2mqtt"

    def __init__(self) -> None:
        self.filters: list[str] = []

    async def receive(self) -> list[Message]:
        raise LinkClosed("this home is not connected: call run()")

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        del payload, qos, retain
        raise LinkClosed(f"nothing can be published on {topic}: this home is not connected yet")

    def subscribe(self, topic_filter: str) -> None:
        """Remembers it for the link that comes."""
        self.filters.append(topic_filter)

    def close(self) -> None:
        """There is nothing to end."""
