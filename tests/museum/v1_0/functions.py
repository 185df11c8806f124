"""What data can't say: an anemometer with a command, a datapoint and a tag of its own."""

from collections.abc import Sequence

from ferrobee.converters import (
    Answer,
    BinaryValue,
    Cluster,
    Definition,
    EnumValue,
    Json,
    Message,
    Model,
    NumericValue,
    Operation,
    Request,
    Temperature,
    Uint16,
    Values,
    clusters,
    dp,
    from_zigbee,
    lumi,
    on_configure,
    operations,
    to_zigbee,
)

WIND = Cluster(0xFC01, manufacturer=0x1234)
SPEED = WIND.attr(0x0003, Uint16)
LIMIT = WIND.attr(0x0004, Uint16, exact=True)


class Anemometer(Definition):
    match = Model("acme.wind.1")
    model, vendor, description = "AA-1", "Acme", "Anemometer"
    structures = [lumi.F7]

    temperature = Temperature()
    wind_speed = NumericValue("m/s", description="Speed of the wind")
    gust_limit = NumericValue(
        "m/s", range=(0, 60), step=0.5, description="Gusts above it are told", category="config"
    )
    calm = BinaryValue(description="No wind for a minute")
    sector = EnumValue(["north", "east", "south", "west"], description="Where it comes from")

    @from_zigbee(SPEED)
    def speed(self, message: Message) -> Values:
        return {"wind_speed": round(message.value * 0.514444, 1)}

    @from_zigbee(LIMIT, endpoint=1)
    def limit(self, message: Message) -> Values:
        return {"gust_limit": message.value / 10}

    @from_zigbee(dp(101))
    @from_zigbee(lumi.tag(0x98))
    def heard(self, message: Message) -> Answer:
        sectors = ("north", "east", "south", "west")
        return Answer({"sector": sectors[message.value % 4]}, [operations.read(SPEED)])

    @from_zigbee(clusters.Alarms.notifications.alarm)
    def alarm(self, message: Message) -> Values | None:
        return {"calm": message.value["alarmcode"] == 1} if message.value else None

    @to_zigbee("gust_limit", read=LIMIT)
    def set_limit(self, value: Json, request: Request) -> Sequence[Operation]:
        if not 0 <= value <= 60:
            raise ValueError(f"{value} is not a speed of wind (0 to 60 m/s)")
        return [operations.write(LIMIT, round(value * 10))]

    @on_configure
    def set_up(self, request: Request) -> Sequence[Operation]:
        return [operations.bind(WIND), operations.report(SPEED, minimum=1, maximum=60, change=2)]
