"""ZNXNKG02LM: a knob."""

from __future__ import annotations

from ferrobee.converters import (
    Action,
    Definition,
    Model,
    Respond,
    Rotation,
    Setting,
    VoltageBattery,
    clusters,
    lumi,
    steps,
)


class ZNXNKG02LM(Definition):
    match = Model("lumi.remote.rkba01")
    model = "ZNXNKG02LM"
    vendor = "Aqara"
    description = "Smart rotary knob H1 (wireless)"
    structures = [lumi.F7]

    operation_mode = Setting(
        clusters.Lumi.mode,
        values={"event": 1, "command": 0},
        answers_only=True,
        description="Command mode is useful for binding. Event mode is useful for processing.",
    )
    battery = VoltageBattery(tag=1, millivolts=(2850, 3000))
    action = Action(
        clusters.MultistateInput.present_value,
        values={0: "hold", 1: "single", 2: "double", 255: "release"},
        exposed=["hold", "single", "double", "release"],
    )
    rotation = Rotation(
        state=clusters.Lumi.rotation_action,
        actions={1: "start_rotating", 2: "rotation", 3: "stop_rotating"},
        numbers=[
            {
                "name": "action_rotation_angle",
                "at": clusters.Lumi.rotation_angle,
                "unit": "*",
                "description": "Rotation angle",
            },
            {
                "name": "action_rotation_angle_speed",
                "at": clusters.Lumi.rotation_angle_speed,
                "unit": "*",
                "description": "Rotation angle speed",
            },
            {
                "name": "action_rotation_percent",
                "at": clusters.Lumi.rotation_percent,
                "unit": "%",
                "description": "Rotation percent",
            },
            {
                "name": "action_rotation_percent_speed",
                "at": clusters.Lumi.rotation_percent_speed,
                "unit": "%",
                "description": "Rotation percent speed",
            },
            {
                "name": "action_rotation_time",
                "at": clusters.Lumi.rotation_time,
                "unit": "ms",
                "description": "Rotation time",
            },
        ],
    )
    sensitivity = Setting(
        clusters.Lumi.sensitivity,
        values={"low": 720, "medium": 360, "high": 180},
        publish="given",
        description="Rotation sensitivity",
    )
    respond = Respond(
        at=clusters.Basic.lumi_setting,
        prefix="aa10054187",
        answer="aa1005414701011001",
    )

    configure = [
        steps.write(clusters.Lumi.mode @ 1, 1, wait=False, verify_unlisted=True),
        steps.read(clusters.Lumi.sensitivity @ 1),
    ]
