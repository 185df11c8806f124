"""QBKG40LM and QBKG41LM: what they have in common is a class of its own."""

from ferrobee.converters import (
    Action,
    Also,
    Cluster,
    Definition,
    Model,
    Numeric,
    OnOff,
    Respond,
    Setting,
    Uint8,
    clusters,
    lumi,
    steps,
)

LUMI = Cluster(0xFCC0, manufacturer=0x115F)
MEMORY = "Enable/disable the power outage memory, this recovers the on/off mode after power failure"
FLIP = "After turn on, the indicator light turns on while switch is off, and vice versa"
TEMPERATURE = "Temperature of the device"
PRESSES = {0: "hold", 1: "single", 2: "double", 3: "triple", 255: "release"}


class DoubleRocker(Definition):
    match = Model("lumi.switch.b2nc01")
    model, vendor = "QBKG41LM", "Aqara"
    description = "Smart wall switch E1 (with neutral, double rocker)"
    also = [Also("Xiaomi", "Aqara E1 2 gang switch (with neutral)")]
    ota = True
    structures = [lumi.F7]

    state_left = OnOff(endpoint=1, tags=[0x64])
    state_right = OnOff(endpoint=2, tags=[0x65])
    operation_mode = Setting(
        LUMI.attr(0x0200, Uint8),
        values={"control_relay": 1, "decoupled": 0},
        publish="reported",
        accepts_object=True,
        endpoints={
            "left": "Decoupled mode for left button",
            "right": "Decoupled mode for right button",
        },
        read_back=True,
    )
    power_outage_memory = Setting(
        clusters.Lumi.power_outage_memory,
        binary=True,
        values={True: 1, False: 0},
        only_booleans=True,
        description=MEMORY,
        category="config",
    )
    device_temperature = Numeric(
        "°C", sources=[lumi.tag(0x03)], description=TEMPERATURE, category="diagnostic"
    )
    flip_indicator_light = Setting(
        clusters.Lumi.flip_indicator_light,
        binary=True,
        values={"ON": 1, "OFF": 0},
        publish="given",
        description=FLIP,
        category="config",
    )
    action = Action(
        clusters.MultistateInput.present_value,
        values=PRESSES,
        endpoints={41: "left", 42: "right", 51: "both"},
        repeats=True,
        exposed=[
            *("single_left", "double_left"),
            *("single_right", "double_right"),
            *("single_both", "double_both"),
        ],
    )
    led_disabled_night = Setting(
        clusters.Lumi.led_disabled_night, exposed=False, binary=True, values={True: 1, False: 0}
    )
    power_outage_count = Numeric(
        exposed=False, sources=[lumi.tag(0x05) - 1], counts_power_cuts=True
    )
    voltage = Numeric(exposed=False, sources=[lumi.tag(0x01), lumi.tag(0x96) / 10])
    energy = Numeric(exposed=False, sources=[lumi.tag(0x95)])
    consumption = Numeric(exposed=False, sources=[lumi.tag(0x95)])
    current = Numeric(exposed=False, sources=[lumi.tag(0x97) / 1000])
    power = Numeric(exposed=False, sources=[lumi.tag(0x98)])
    reset = Respond(
        at=clusters.Basic.lumi_setting, prefix="aa10054187", answer="aa1005414701011001"
    )

    configure = [steps.write(clusters.Lumi.mode @ 1, 1, wait=False)]


class SingleRocker(Definition):
    match = Model("lumi.switch.b1nc01")
    model = "QBKG40LM"
    vendor = "Aqara"
    description = "Smart wall switch E1 (with neutral, single rocker)"
    also = [Also("Xiaomi", "Aqara E1 1 gang switch (with neutral)")]
    ota = True
    structures = [lumi.F7]

    state = OnOff(tags=[100])
    power_outage_memory = Setting(
        clusters.Lumi.power_outage_memory,
        binary=True,
        values={True: 1, False: 0},
        only_booleans=True,
        description=MEMORY,
        category="config",
        keep=True,
    )
    device_temperature = Numeric(
        "°C",
        sources=[lumi.tag(0x03)],
        description="Temperature of the device",
        category="diagnostic",
        precision_option=True,
    )
    flip_indicator_light = Setting(
        clusters.Lumi.flip_indicator_light,
        binary=True,
        values={"ON": 1, "OFF": 0},
        publish="given",
        description=FLIP,
        category="config",
        keep=True,
    )
    operation_mode = Setting(
        clusters.Lumi.operation_mode,
        values={"control_relay": 1, "decoupled": 0},
        publish="reported",
        accepts_object=True,
        description="Decoupled mode",
        keep=True,
    )
    action = Action(
        clusters.MultistateInput.present_value,
        values={0: "hold", 1: "single", 2: "double", 3: "triple", 255: "release"},
        repeats=True,
        exposed=["single", "double"],
    )
    led_disabled_night = Setting(
        clusters.Lumi.led_disabled_night,
        exposed=False,
        binary=True,
        values={True: 1, False: 0},
    )
    power_outage_count = Numeric(
        exposed=False,
        sources=[lumi.tag(0x05) - 1],
        counts_power_cuts=True,
    )
    voltage = Numeric(exposed=False, sources=[lumi.tag(0x01), lumi.tag(0x96) / 10])
    energy = Numeric(exposed=False, sources=[lumi.tag(0x95)])
    consumption = Numeric(exposed=False, sources=[lumi.tag(0x95)])
    current = Numeric(exposed=False, sources=[lumi.tag(0x97) / 1000])
    power = Numeric(exposed=False, sources=[lumi.tag(0x98)])
    respond = Respond(
        at=clusters.Basic.lumi_setting,
        prefix="aa10054187",
        answer="aa1005414701011001",
    )

    configure = [steps.write(clusters.Lumi.mode @ 1, 1, wait=False)]
