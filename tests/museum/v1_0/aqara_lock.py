"""ZNMS11LM: a lock."""

from __future__ import annotations

from ferrobee.converters import Definition, LockEvents, Model, clusters, lumi


class ZNMS11LM(Definition):
    match = Model("lumi.lock.aq1")
    model = "ZNMS11LM"
    vendor = "Aqara"
    description = "Smart door lock"
    ota = True
    structures = [lumi.Structure(clusters.DoorLock.lumi_structure, "loose_string")]

    lock_events = LockEvents(
        cluster=clusters.DoorLock,
        opened={
            "attribute": 0xFF10,
            "actions": {1: "finger_open", 2: "password_open", 3: "door_closed"},
            "users": {1: "admin"},
            "other_users": "user",
        },
        refused={
            "attribute": 0xFF11,
            "actions": [
                {
                    "code": 0x40,
                    "action": "finger_not_match",
                    "repeats": True,
                    "legacy_property": "action_action",
                },
                {"code": 0x02, "action": "password_not_match", "repeats": True},
                {"code": 0x00, "action": "ring_bell"},
            ],
        },
        changed={
            "tag": 1,
            "actions": {
                1: "finger_add",
                2: "finger_delete",
                3: "password_add",
                4: "password_delete",
                5: "lock_opened_inside",
                6: "lock_opened_outside",
                7: "ring_bell",
                8: "change_language_to",
                9: "finger_open",
                10: "password_open",
                11: "door_closed",
            },
        },
        status={
            "attribute": 0xFFF6,
            "offset": 3,
            "codes": [
                {
                    "codes": ["0301", "0341"],
                    "action": "reverse_lock_cancel",
                    "state": "UNLOCK",
                    "reverse": "UNLOCK",
                },
                {
                    "codes": ["0311", "0351"],
                    "action": "reverse_lock_cancel",
                    "state": "LOCK",
                    "reverse": "UNLOCK",
                },
                {
                    "codes": ["0205", "0245"],
                    "action": "reverse_lock",
                    "state": "UNLOCK",
                    "reverse": "LOCK",
                },
                {
                    "codes": ["0215", "0255", "1355"],
                    "action": "reverse_lock",
                    "state": "LOCK",
                    "reverse": "LOCK",
                },
                {
                    "codes": ["0111", "1351", "1451"],
                    "action": "locked",
                    "state": "LOCK",
                    "reverse": "UNLOCK",
                },
                {
                    "codes": ["0b00", "0640", "0600"],
                    "action": "lock_opened_outside",
                    "state": "UNLOCK",
                    "reverse": "UNLOCK",
                },
                {
                    "codes": ["0c00", "2300", "0540", "0440"],
                    "action": "lock_opened_inside",
                    "state": "UNLOCK",
                    "reverse": "UNLOCK",
                },
                {
                    "codes": ["2400", "2401"],
                    "action": "door_closed",
                    "state": "UNLOCK",
                    "reverse": "UNLOCK",
                },
            ],
        },
        language={
            "attribute": 0xFFF2,
            "offset": 3,
            "action": "change_language_to",
            "suffixes": {1: "chinese", 2: "english"},
        },
        exposed=[
            "finger_not_match",
            "password_not_match",
            "reverse_lock",
            "reverse_lock_cancel",
            "locked",
            "lock_opened",
            "finger_add",
            "finger_delete",
            "password_add",
            "password_delete",
            "lock_opened_inside",
            "lock_opened_outside",
            "ring_bell",
            "change_language_to",
            "finger_open",
            "password_open",
            "door_closed",
        ],
    )

    configure = []
