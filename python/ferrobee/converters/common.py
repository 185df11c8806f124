"""What many devices have, ready to use: a `Temperature`, a `Contact`, a `Battery`, ...

Each is one of the capabilities of `ferrobee.converters` with the attribute, unit and scale of the
standard. Those that measure bind their cluster and have it reported; `sources=[...]` takes the
value from somewhere else, where nothing is known of reading and reporting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ferrobee.converters import clusters
from ferrobee.converters._attributes import Attribute, Bits
from ferrobee.converters._capability import Capability
from ferrobee.converters.generated.primitives import (
    Combined,
    Flag,
    Numeric,
    NumericRead,
    NumericReport,
    ThermostatValue,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrobee.converters._attributes import NumberSource
    from ferrobee.converters.generated.primitives import Category

__all__ = [
    "Battery",
    "BatteryLow",
    "BatteryVoltage",
    "CarbonMonoxide",
    "Climate",
    "Co2",
    "Contact",
    "Current",
    "DeviceTemperature",
    "Energy",
    "Flow",
    "Gas",
    "Humidity",
    "IasZone",
    "Pm25",
    "Power",
    "Pressure",
    "Smoke",
    "SoilMoisture",
    "Tamper",
    "Temperature",
    "Thermostat",
    "Vibration",
    "Voltage",
    "WaterLeak",
    "ZoneOccupancy",
]


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What is known of something that is measured."""

    unit: str
    description: str
    source: NumberSource | None = None
    at: Attribute | None = None
    report: tuple[int, int, int] | None = None
    category: Category | None = None
    more: dict[str, Any] = field(default_factory=dict)


class _Measured(Numeric):
    """A number with the unit and scale of the standard."""

    quantity: ClassVar[_Quantity]

    def __init__(
        self,
        *,
        sources: Sequence[NumberSource] | None = None,
        read: Attribute | NumericRead | None = None,
        report: NumericReport | Literal[False] | None = None,
        name: str | None = None,
        description: str | None = None,
        category: Category | None = None,
        digits: int | None = None,
        exposed: bool | None = None,
        endpoint: int | None = None,
    ) -> None:
        quantity = self.quantity
        if sources is None and quantity.source is not None and quantity.at is not None:
            sources = [quantity.source]
            at = quantity.at
            read = read or (at if endpoint is None else at @ endpoint)
            if report is None and quantity.report is not None:
                least, most, change = quantity.report
                report = {
                    "data_type": at.type,
                    "minimum": least,
                    "maximum": most,
                    "change": change,
                }
        if sources is None:
            raise TypeError(
                f"{type(self).__name__} needs sources=[...]: it has no cluster of its own"
            )
        super().__init__(
            quantity.unit,
            sources=sources,
            read=read,
            report=report or None,
            name=name,
            description=description or quantity.description,
            category=category or quantity.category,
            digits=digits,
            exposed=exposed,
            endpoint=endpoint,
            **quantity.more,
        )


_TEMPERATURE = clusters.TemperatureMeasurement.measured_value
_HUMIDITY = clusters.RelativeHumidity.measured_value
_PRESSURE = clusters.PressureMeasurement.measured_value
_SOIL = clusters.SoilMoisture.measured_value
_CO2 = clusters.CO2.measured_value
_PM25 = clusters.Pm25Measurement.measured_value
_FLOW = clusters.FlowMeasurement.measured_value
_DEVICE = clusters.DeviceTempCfg.current_temperature
_BATTERY = clusters.PowerCfg.battery_percentage_remaining
_VOLTAGE = clusters.PowerCfg.battery_voltage


class Temperature(_Measured):
    """The temperature of the air, °C."""

    quantity = _Quantity(
        "°C",
        "Measured temperature value",
        _TEMPERATURE / 100,
        _TEMPERATURE,
        (10, 3600, 100),
        more={"invalid": -0x8000},
    )


class Humidity(_Measured):
    """Relative humidity, %."""

    quantity = _Quantity(
        "%",
        "Measured relative humidity",
        _HUMIDITY / 100,
        _HUMIDITY,
        (10, 3600, 100),
        more={"limits": (0, 100)},
    )


class Pressure(_Measured):
    """Atmospheric pressure, hPa."""

    quantity = _Quantity(
        "hPa",
        "The measured atmospheric pressure",
        _PRESSURE,
        _PRESSURE,
        (10, 3600, 5),
        more={"invalid": -0x8000},
    )


class SoilMoisture(_Measured):
    """Moisture of soil, %."""

    quantity = _Quantity(
        "%",
        "Measured soil moisture value",
        _SOIL / 100,
        _SOIL,
        (10, 3600, 100),
        more={"limits": (0, 100)},
    )


class Co2(_Measured):
    """Carbon dioxide, ppm."""

    quantity = _Quantity("ppm", "Measured value", _CO2 * 1_000_000, _CO2, (60, 3600, 0))


class Pm25(_Measured):
    """Particles up to 2.5 µm, µg/m³."""

    quantity = _Quantity(
        "µg/m³",
        "Measured PM2.5 (particulate matter) concentration",
        _PM25,
        _PM25,
        (60, 3600, 1),
    )


class Flow(_Measured):
    """Flow of water, m³/h."""

    quantity = _Quantity(
        "m³/h",
        "Measured water flow",
        _FLOW / 10,
        _FLOW,
        (10, 3600, 10),
        more={"invalid": 0xFFFF},
    )


class DeviceTemperature(_Measured):
    """The temperature inside of the device, °C."""

    quantity = _Quantity(
        "°C",
        "Temperature of the device",
        _DEVICE,
        _DEVICE,
        (300, 3600, 1),
        "diagnostic",
        {"invalid": -0x8000},
    )


class Battery(_Measured):
    """What is left of the battery, %, as the device says in genPowerCfg."""

    quantity = _Quantity(
        "%",
        "Remaining battery in %",
        _BATTERY / 2,
        _BATTERY,
        (3600, 65000, 10),
        "diagnostic",
        {"range": (0, 100), "limits": (0, 127)},
    )


class BatteryVoltage(_Measured):
    """The voltage of the battery, mV."""

    quantity = _Quantity(
        "mV",
        "Reported battery voltage in millivolts",
        _VOLTAGE * 100,
        _VOLTAGE,
        (3600, 65000, 1),
        "diagnostic",
        {"limits": (0, 25400)},
    )


class Power(_Measured):
    """Power, W, from sources; of the standard's clusters it is `Electricity(["power"])`."""

    quantity = _Quantity("W", "Instantaneous measured power")


class Energy(_Measured):
    """Energy, kWh, from sources; of the standard's clusters it is `Electricity(["energy"])`."""

    quantity = _Quantity("kWh", "Sum of consumed energy")


class Current(_Measured):
    """Current, A, from sources; of the standard's clusters it is `Electricity(["current"])`."""

    quantity = _Quantity("A", "Instantaneous measured electrical current")


class Voltage(_Measured):
    """Voltage, V, from sources; of the standard's clusters it is `Electricity(["voltage"])`."""

    quantity = _Quantity("V", "Measured electrical potential value")


class IasZone(Flag):
    """Bits of the status of an IAS zone; any of them means yes.

    `attribute`: the device also reports the status as an attribute.
    """

    def __init__(
        self,
        bits: int,
        *,
        inverted: bool | None = None,
        attribute: bool = True,
        name: str | None = None,
        description: str | None = None,
        category: Category | None = None,
        exposed: bool | None = None,
    ) -> None:
        status = clusters.IasZone.zone_status
        sources: list[Attribute | Bits] = [Bits(None, bits)]
        if attribute:
            sources.append(status.bits(bits))
        super().__init__(
            sources=sources,
            inverted=inverted,
            name=name,
            description=description,
            category=category,
            exposed=exposed,
        )


class _Zone(IasZone):
    """A bit with a meaning."""

    bit: ClassVar[int] = 1
    about: ClassVar[str]
    upside_down: ClassVar[bool | None] = None
    of: ClassVar[Category | None] = None

    def __init__(
        self,
        *,
        attribute: bool = True,
        name: str | None = None,
        description: str | None = None,
        exposed: bool | None = None,
    ) -> None:
        super().__init__(
            self.bit,
            inverted=self.upside_down,
            attribute=attribute,
            name=name,
            description=description or self.about,
            category=self.of,
            exposed=exposed,
        )


class Contact(_Zone):
    """A door or window; true is closed."""

    about = "Indicates whether the device is opened or closed"
    upside_down = True


class ZoneOccupancy(_Zone):
    """Somebody moves, as an IAS zone says it; `Motion` has more ways."""

    about = "Indicates whether the device detected occupancy"


class WaterLeak(_Zone):
    """Water where none should be."""

    about = "Indicates whether the device detected a water leak"


class Smoke(_Zone):
    """Smoke."""

    about = "Indicates whether the device detected smoke"


class Gas(_Zone):
    """Gas."""

    about = "Indicates whether the device detected gas"


class CarbonMonoxide(_Zone):
    """Carbon monoxide."""

    about = "Indicates whether the device detected carbon monoxide"


class Vibration(_Zone):
    """Vibration."""

    about = "Indicates whether the device detected vibration"


class Tamper(_Zone):
    """Somebody meddles with the device."""

    bit = 4
    about = "Indicates whether the device is tampered"


class BatteryLow(_Zone):
    """The battery is almost empty."""

    bit = 8
    about = "Indicates whether the battery of the device is almost empty"
    of = "diagnostic"


class Climate(Combined):
    """A thermostat made of capabilities with names: `Climate([tuya.datapoint(...), ...])`."""

    def __init__(self, features: Sequence[Capability]) -> None:
        super().__init__("climate", features)


class Thermostat(Climate):
    """A thermostat of the standard's cluster.

    `setpoint`: the least and the greatest target temperature and the step, °C.
    """

    def __init__(
        self,
        *,
        setpoint: tuple[float, float, float] = (7, 30, 0.5),
        cooling: bool = False,
        modes: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
    ) -> None:
        least, greatest, step = setpoint
        words = ["heat", "cool"] if cooling else ["heat"]
        features: list[Capability] = [ThermostatValue("local_temperature")]
        features.append(
            ThermostatValue("occupied_heating_setpoint", range=(least, greatest), step=step)
        )
        if cooling:
            features.append(
                ThermostatValue("occupied_cooling_setpoint", range=(least, greatest), step=step)
            )
        default = ["off", *words, "auto"] if cooling else ["off", *words]
        features.append(ThermostatValue("system_mode", values=modes or default))
        features.append(ThermostatValue("running_state", values=states or ["idle", *words]))
        super().__init__(features)
