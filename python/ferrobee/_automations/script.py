"""Automations in a script of their own: `python hall.py`."""

from __future__ import annotations

import asyncio
import logging
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
from ferrobee._process import Signals
from ferrobee._scope import current
from ferrobee.errors import FerrobeeError, LinkClosed, WaitTimeout

if TYPE_CHECKING:
    from os import PathLike

    from ferrobee._link import Message
    from ferrobee._scope import Scope

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
    home = _home(scope, url, base)
    ledger = FileLedger(path.with_suffix(".db") if db is None else db)
    home.ledger = ledger
    try:
        with Signals() as signals:
            _loop.run(_main(Runtime(home, ledger, home.clock, place=place), file, signals))
    finally:
        home.close()
        ledger.close()


def _home(scope: Scope, url: str | None, base: str) -> Home:
    """The home of a script: the broker's, else the first one that `Home.connect` made."""
    from ferrobee._connect import connect

    home = current_home()
    if url is not None:
        filters = home.link.filters if isinstance(home.link, LateLink) else []
        link, ledger = connect(url, base, None)
        home.attach(link, ledger)
        for topic_filter in filters:
            link.subscribe(topic_filter)
        return home
    if home.nodes or not scope.homes:
        raise FerrobeeError('run() has no broker: write run("mqtt://localhost:1883")')
    # What is of no home in particular is of the first one.
    scope.home = scope.homes.pop(0)
    return scope.home


async def _main(runtime: Runtime, file: File, signals: Signals) -> None:
    loop = asyncio.get_running_loop()
    asked = _Asked(loop)
    if runtime.place is None:
        follow_place(runtime)
    await runtime.open()
    runtime.install(file)
    pump = loop.create_task(runtime.home.run(), name="ferrobee home")
    begun = loop.create_task(begin(runtime), name="ferrobee begin")
    loop.add_reader(signals.woken, lambda: signals.woken.recv(64))
    with signals.telling(asked):
        await asked.event.wait()
    loop.remove_reader(signals.woken)
    begun.cancel()
    await runtime.close()
    runtime.home.close()
    await pump


class _Asked:
    """What a signal ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.event = asyncio.Event()
        self._loop = loop

    def stop(self) -> None:
        """Called in a signal handler."""
        self._loop.call_soon_threadsafe(self.event.set)


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
