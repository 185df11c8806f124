"""The converter understands the sensor, and the garden is watered."""

from ferrobee.testing import VirtualHome


async def test_the_sensor_says_what_the_converter_understands(home: VirtualHome) -> None:
    home.converter("converters/soil_sensor.py")
    sensor = home.add("GS-2", "tomato_bed")
    await sensor.report(moisture=31.5, temperature=18)
    assert sensor.device["moisture"].value == 31.5
    assert sensor.device["temperature"].value == 18


async def test_a_dry_bed_is_told_once_a_day(home: VirtualHome) -> None:
    home.converter("converters/soil_sensor.py")
    sensor = home.add("GS-2", "tomato_bed")
    home.load("water_the_garden.py")
    await sensor.report(moisture=40)
    await sensor.report(moisture=19)
    await sensor.report(moisture=21)
    await sensor.report(moisture=18)
    assert home.published("notify/phone") == ["The tomatoes are thirsty: 19 %."]
