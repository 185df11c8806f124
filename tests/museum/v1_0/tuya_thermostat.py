"""ZHT-S03: a thermostat of datapoints."""

from __future__ import annotations

from ferrobee.converters import Cluster, Combined, Definition, Model, clusters, steps, tuya

BASIC = Cluster(0x0000)


class Thermostat(Definition):
    match = Model("TS0601", manufacturers=["_TZE204_zxkwaztm"])
    model = "ZHT-S03"
    vendor = "Moes"
    description = "Zigbee wall thermostat"

    tuya_ = tuya.gateway(time="1970")
    child_lock = tuya.datapoint(
        40,
        tuya.Lookup({"LOCK": 1, "UNLOCK": 0}, "bool"),
        binary=True,
        description="Enables/disables physical input on the device",
    )
    combined = Combined(
        "climate",
        [
            tuya.datapoint(
                1,
                tuya.Lookup({"off": 0, "heat": 1}, "bool"),
                name="system_mode",
                description="Mode of this device",
                writable=False,
            ),
            tuya.datapoint(
                16,
                tuya.Number(divide=10),
                name="current_heating_setpoint",
                unit="°C",
                range=(5, 35),
                step=0.5,
                description="Temperature setpoint",
            ),
            tuya.datapoint(
                36,
                tuya.Lookup({"idle": 0, "heat": 1, "cool": 2}),
                name="running_state",
                shown=["idle", "heat"],
                description="The current running state",
                writable=False,
            ),
            tuya.datapoint(
                2,
                tuya.Lookup({"schedule": 0, "manual": 1}),
                name="preset",
                description="Mode of this device (similar to system_mode)",
            ),
            tuya.datapoint(
                24,
                tuya.Number(divide=10),
                name="local_temperature",
                unit="°C",
                description="Current temperature measured on the device",
                writable=False,
            ),
            tuya.datapoint(
                109,
                tuya.Number(divide=10),
                name="local_temperature_calibration",
                unit="°C",
                range=(-9.9, 9.9),
                step=0.1,
                description="Offset to add/subtract to the local temperature",
            ),
        ],
    )
    temperature_delta = tuya.datapoint(
        112,
        tuya.Number(divide=10),
        unit="°C",
        range=(0.1, 10),
        step=0.1,
        presets=[{"name": "default", "value": 1, "description": "Default value"}],
        description="The delta between local_temperature and current_heating_setpoint to trigger "
        "Heat",
    )
    working_day = tuya.datapoint(
        31,
        tuya.Lookup({"mon_fri": 0, "mon_sat": 1, "mon_sun": 2}),
        description="Workday setting",
    )
    datapoint_program = tuya.program(
        dp=67,
        divide=10,
        temperature_bytes=2,
        temperatures=(5, 35),
        written={
            "texts": [
                {
                    "name": "schedule_weekday",
                    "periods": 6,
                    "description": "Workdays (6 times `hh:mm/cc.c°C`)",
                },
                {
                    "name": "schedule_holiday",
                    "periods": 2,
                    "description": "Holidays (2 times `hh:mm/cc.c°C)`",
                },
            ],
        },
    )
    frost_protection = tuya.datapoint(
        10,
        tuya.Lookup({"ON": 1, "OFF": 0}, "bool"),
        binary=True,
        description="Antifreeze function",
    )

    configure = [
        steps.read(
            clusters.Basic.manufacturer_name,
            clusters.Basic.zcl_version,
            clusters.Basic.app_version,
            clusters.Basic.model_id,
            clusters.Basic.power_source,
            BASIC.attr(0xFFFE),
        ),
    ]
