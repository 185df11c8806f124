"""Handlers that a type checker must accept, of every kind of trigger."""

from __future__ import annotations

from home import home

from ferrobee import (
    Change,
    HomeEvent,
    Machine,
    Moment,
    Router,
    Started,
    State,
    TopicMessage,
    Update,
    after,
    at,
    bridge,
    cron,
    debounce,
    every,
    newest_wins,
    on,
    run,
    run_blocking,
    start,
    stop,
    store,
    sun,
    throttle,
    topic,
)

relay = home.hall_relay
knob = home.study_knob
router = Router("lights")


@on(relay.power > 5)
async def condition(update: Update) -> None:
    print(update.after)


@on((relay.power > 5) & (relay.state_l1 == "ON"), hold="3s", missed="skip", policy="queued")
async def held(moment: Moment) -> None:
    print(moment.due, moment.late)


@on(relay.power)
async def changed(change: Change[float]) -> None:
    print(change.new + 1)


@on(debounce(relay.power, "3s"))
async def debounced(change: Change[float]) -> None:
    print(change.new + 1)


@on(throttle(newest_wins(relay.power > 5), "3s"))
async def throttled(update: Update) -> None:
    print(update)


@on(topic("doorbell/#"))
async def heard(message: TopicMessage) -> None:
    print(message.json())


@on(bridge.joined)
@on(bridge.unavailable(relay))
async def happened(event: HomeEvent) -> None:
    print(event.device)


@on(sun.set - "20min")
@every("5min")
@at("07:30", days="mon-fri")
@cron("0 7 * * *")
async def timed(moment: Moment) -> None:
    print(moment)


@router.every("5min")
async def nothing() -> None: ...


@after("5min")
async def later() -> None: ...


@start
async def begun(started: Started) -> None:
    later.start("1h")
    later.cancel()
    await later()
    await timed(Moment(home.clock.now(), 0))
    count: int = store.get("count", 0)
    store.set("count", count + 1)
    number: int = await run_blocking(int, "7")
    print(started.reloaded, number)


@stop
async def ended() -> None: ...


class Boiler(Machine):
    idle = State(initial=True)
    heating = State(max="2h", then=idle)

    idle.to(heating, when=relay.power > 5, hold="10s")

    @heating.to(idle, after="40min")
    async def off(self) -> None: ...

    @heating.enter
    async def begun(self) -> None: ...


boiler = Boiler("kitchen")


async def goes() -> bool:
    await boiler.go(Boiler.idle)
    return boiler.state is Boiler.heating


if __name__ == "__main__":
    run("mqtt://localhost", latitude=52.5, longitude=13.4)
