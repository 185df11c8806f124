"""LLKZMK11LM: two switches with a meter, the state of both also in a Lumi structure."""

from ferrobee.converters import (
    CodedSetting,
    Current,
    Definition,
    Energy,
    Model,
    Numeric,
    OnOff,
    Power,
    Setting,
    Voltage,
    clusters,
    lumi,
)


class DualRelay(Definition):
    match = Model("lumi.relay.c2acn01")
    model, vendor, description = "LLKZMK11LM", "Aqara", "Dual relay module"
    ota = True
    structures = [lumi.FF01, lumi.FF02]

    power = Power(
        sources=[clusters.AnalogInput.present_value, lumi.tag(0x98)],
        read=clusters.AnalogInput.present_value @ 1,
    )
    energy = Energy(sources=[lumi.tag(0x95)])
    consumption = Numeric(exposed=False, sources=[lumi.tag(0x95)])
    device_temperature = Numeric(
        "°C",
        sources=[lumi.tag(0x03)],
        description="Temperature of the device",
        category="diagnostic",
    )
    voltage = Voltage(sources=[lumi.tag(0x01), lumi.tag(0x96) / 10, lumi.member(1)])
    current = Current(sources=[lumi.tag(0x97)])
    state_l1 = OnOff(endpoint=1, tags=[0x64])
    state_l2 = OnOff(endpoint=2, tags=[0x65])
    power_outage_count = Numeric(
        sources=[lumi.tag(0x05) - 1, lumi.member(4) - 1],
        counts_power_cuts=True,
        description="Number of power outages",
        category="diagnostic",
    )
    power_outage_memory = CodedSetting(
        at=clusters.Basic.lumi_setting,
        on=["aa8005d14707011001", "aa8003d3070801"],
        off=["aa8005d14709011000", "aa8003d3070a01"],
        answer={"pattern": "aa8005d147000110", "ignore": [5]},
        description="Enable/disable the power outage memory, this recovers the on/off mode after "
        "power failure",
        category="config",
    )
    interlock = Setting(
        clusters.BinaryOutput.lumi_interlock,
        binary=True,
        values={True: 1, False: 0},
        readable=False,
        keep=True,
        description="Enabling prevents both relais being on at the same time",
    )
    flip_indicator_light = Setting(
        clusters.Basic.lumi_flip_indicator_light,
        exposed=False,
        binary=True,
        values={"ON": 1, "OFF": 0},
    )
