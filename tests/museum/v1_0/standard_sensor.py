"""A sensor of the standard's clusters, a contact, and a switch with a meter."""

from ferrobee.converters import (
    Battery,
    BatteryLow,
    Contact,
    Definition,
    Electricity,
    Humidity,
    Identify,
    Model,
    NumberSetting,
    OnOff,
    Pressure,
    Tamper,
    Temperature,
    Thermostat,
    clusters,
    steps,
)


class Weather(Definition):
    """Two probes, one of them outside."""

    match = [Model("acme.weather.1"), Model("acme.weather.2", manufacturers=["Acme", "ACME Ltd"])]
    model, vendor, description = "AW-1", "Acme", "Weather station"

    temperature_inside = Temperature(endpoint=1)
    temperature_outside = Temperature(endpoint=2)
    humidity = Humidity()
    pressure = Pressure(report=False)
    battery = Battery()
    identify = Identify(sleepy=True)


class Door(Definition):
    match = Model("acme.door.1", inputs=[clusters.IasZone])
    model, vendor, description = "AD-1", "Acme", "Door contact"

    contact = Contact()
    tamper = Tamper()
    battery_low = BatteryLow()


class Plug(Definition):
    match = Model("acme.plug.1")
    model, vendor, description = "AP-1", "Acme", "Plug"
    version = "0.0.2"

    state = OnOff()
    meter = Electricity(
        ["power", "current", "voltage", "energy"],
        report=[{"of": "power", "change": 5}, {"of": "energy", "minimum": 60, "maximum": 3600}],
    )
    countdown = NumberSetting(
        clusters.OnOff.on_time, unit="s", range=(0, 6553), category="config", scale=10
    )

    configure = [
        steps.bind(clusters.OnOff),
        steps.report(clusters.OnOff.on_off, minimum=0, maximum=3600),
        steps.read(clusters.OnOff.on_off),
        steps.write_time(),
    ]


class Heater(Definition):
    match = Model("acme.heater.1")
    model, vendor, description = "AH-1", "Acme", "Thermostat"

    climate = Thermostat(setpoint=(5, 30, 0.5))
