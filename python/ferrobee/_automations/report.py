"""What people see of the automations: retained on `BASE/bridge/automations`, and in the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ferrobee._clock import at_unix

if TYPE_CHECKING:
    from ferrobee._automations.folder import Folder
    from ferrobee._automations.loader import LoadError
    from ferrobee._automations.runtime import Running, Runtime
    from ferrobee._update import Json

__all__ = ["Report", "describe"]

SOON = 1.0
"""Seconds between a change for the worse, or of a file, and the message that tells of it."""
REGULARLY = 300.0
"""Seconds between messages that tell of runs."""


def describe(runtime: Runtime, errors: dict[str, LoadError]) -> dict[str, Any]:
    """The files by id, with their handlers; `errors` are those of files that were not loaded."""
    files = []
    for id in sorted({*runtime.files, *errors}):  # noqa: A001
        running, error = runtime.files.get(id), errors.get(id)
        path = error.path if running is None and error is not None else None
        files.append(
            {
                "id": id,
                "path": str(path or (running and running.file.path)),
                "error": None if error is None else str(error),
                "handlers": [] if running is None else _handlers(runtime, running),
            }
        )
    return {"files": files}


def _handlers(runtime: Runtime, running: Running) -> list[dict[str, Any]]:
    zone, missing = runtime.clock.timezone, running.missing()
    found = []
    for id, slot in running.slots.items():  # noqa: A001
        handler = running.file.handlers.get(id)
        if handler is not None:
            line, triggers = handler.line, [str(trigger) for trigger in handler.triggers]
            dues = [bound.due for _, bound in running.bounds.get(id, ())]
        else:
            machine = running.machines.get(id)
            line = running.file.machines[id]._line
            triggers = [] if machine is None else [f"machine in {machine.state.name}"]
            dues = [] if machine is None else [machine.due]
        due = min((due for due in dues if due is not None), default=None)
        found.append(
            {
                "id": id,
                "line": line,
                "triggers": triggers,
                "policy": slot.policy,
                "next": None if due is None else at_unix(due, zone).isoformat(timespec="seconds"),
                "runs": slot.runs,
                "running": len(slot.tasks),
                "skipped": slot.skipped,
                "errors": slot.errors,
                "blocked": slot.blocked,
                "last_error": missing.get(id, slot.last_error),
            }
        )
    return found


class Report:
    """Publishes what `describe` says: soon after something went wrong, else now and then."""

    def __init__(self, runtime: Runtime, folder: Folder) -> None:
        self._runtime = runtime
        self._folder = folder
        self._topic = f"{runtime.home.base}/bridge/automations"
        self._soon = asyncio.Event()
        self._said: Json = None
        runtime.changed = folder.changed = self._soon.set
        home = runtime.home
        # What a handler waits for may have come, or gone.
        home.observe_topic(f"{home.base}/bridge/devices", lambda _: self._soon.set())

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            self.publish()
            self._soon.clear()
            try:
                async with asyncio.timeout(REGULARLY):
                    await self._soon.wait()
                await asyncio.sleep(SOON)
            except TimeoutError:
                pass

    def publish(self) -> None:
        """Publishes now, unless it was said before."""
        now = describe(self._runtime, self._folder.errors)
        if now != self._said:
            self._said = now
            self._runtime.home.publish(self._topic, now, retain=True)
