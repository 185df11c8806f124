"""`ferrobee.models`: a class for every model of the catalogue, with what the model exposes."""

from __future__ import annotations

import ast
import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.fake_link import FakeLink
from tests.tools.generate_models import BY_HAND, MODELS, generate

from ferrobee import _core
from ferrobee._exposes import exposed_properties
from ferrobee._home import Home
from ferrobee._stubs.house import house_files
from ferrobee._stubs.modules import model_modules
from ferrobee._update import Update
from ferrobee.models import find
from ferrobee.models.aqara import (
    LLKZMK11LM,
    QBKG41LM,
    RTCZCGQ11LM,
    ZNMS11LM,
    ZNXNKG02LM,
    ZNXNKG02LMRotation,
)
from ferrobee.models.ikea import LED1624G9
from ferrobee.models.tuya import TS004F
from ferrobee.properties import (
    ActionEvent,
    Actions,
    Commanded,
    Gettable,
    Numeric,
    Property,
    Readable,
    Settable,
    Switch,
)

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE: list[dict[str, Any]] = json.loads(_core.catalogue())


def make(model: type[Any], name: str = "it") -> Any:  # noqa: ANN401
    """A device of a house that says nothing."""

    async def main() -> object:
        return Home(FakeLink()).device(name, model)

    return asyncio.run(main())


def told(message: dict[str, Any], *, live: bool = True) -> Update:
    """A state message."""
    return Update("it", message, {}, message, live, datetime(2026, 1, 1, tzinfo=UTC))


def test_the_classes_are_what_the_generator_makes_of_the_catalogue(tmp_path: Path) -> None:
    generate(tmp_path)
    made = {file.name: file.read_text("utf-8") for file in tmp_path.glob("*.py")}
    committed = {
        file.name: file.read_text("utf-8")
        for file in MODELS.glob("*.py")
        if file.name not in BY_HAND
    }
    assert made == committed, "run: .venv/bin/python -m tests.tools.generate_models"


@pytest.mark.parametrize("definition", CATALOGUE, ids=lambda definition: definition["model"])
def test_every_exposed_property_is_an_attribute_of_its_access(definition: dict[str, Any]) -> None:
    model = find(definition["model"])
    assert model is not None
    assert (definition["model"], definition["vendor"]) == (model.MODEL, model.VENDOR)
    device = make(model)
    for expose in exposed_properties(definition["exposes"]):
        found = getattr(device, expose["property"])
        if expose["property"] == "action":
            assert isinstance(found, Actions)
            for action in expose["values"]:
                assert found[action].action == action
            continue
        assert isinstance(found, Property)
        assert found.key == expose["property"]
        assert found.unit == expose.get("unit")
        access = expose["access"]
        assert isinstance(found, Readable) == bool(access & 1)
        settable = isinstance(found, Settable | Commanded)
        assert settable == bool(access & 2)
        assert isinstance(found, Gettable) == bool(access & 4 and access & 1)
        for value in expose.get("values", []):
            if isinstance(value, str) and value.isidentifier():
                assert getattr(found, value, getattr(found, f"{value}_", None)) == value


def test_the_names_on_the_wire_are_the_names_in_python() -> None:
    relay = make(LLKZMK11LM)
    assert relay.state_l1.key == "state_l1"
    assert isinstance(relay.state_l1, Switch)
    assert make(ZNXNKG02LM).action_rotation_angle.key == "action_rotation_angle"


def test_two_gangs_share_one_class_of_values() -> None:
    wall = make(QBKG41LM)
    assert type(wall.operation_mode_left) is type(wall.operation_mode_right)
    assert wall.operation_mode_left.decoupled == "decoupled"


def test_a_model_that_is_sold_under_other_names_is_in_the_modules_of_those_too() -> None:
    from ferrobee.models import aqara, xiaomi

    assert xiaomi.QBKG41LM is aqara.QBKG41LM


def test_an_unknown_model_has_no_class() -> None:
    assert find("SOMETHING") is None


# --- events ---------------------------------------------------------------------------------------

ROTATION = {
    "action": "rotation",
    "action_rotation_angle": 24.0,
    "action_rotation_angle_speed": 30,
    "action_rotation_percent": 6.7,
    "action_rotation_percent_speed": 8,
    "action_rotation_time": 500,
    "action_rotation_button_state": "pressed",
}


def test_a_rotation_gives_angle_percent_speed_and_button_state() -> None:
    knob = make(ZNXNKG02LM)
    event = knob.action.rotation.occurred(told(ROTATION))
    assert isinstance(event, ZNXNKG02LMRotation)
    assert (event.device, event.action, event.angle, event.angle_speed) == (
        "it",
        "rotation",
        24,
        30,
    )
    assert (event.percent, event.percent_speed, event.time) == (6.7, 8, 500)
    assert event.button_state == "pressed"
    with pytest.raises(AttributeError):
        event.angle = 3  # type: ignore[misc]
    assert knob.action.occurred(told(ROTATION)) == event
    assert knob.action.start_rotating.occurred(told(ROTATION)) is None


def test_a_stored_message_is_no_event() -> None:
    knob = make(ZNXNKG02LM)
    assert knob.action.rotation.occurred(told(ROTATION, live=False)) is None
    assert knob.action.occurred(told(ROTATION, live=False)) is None
    assert knob.action.occurred(told({"action": ""})) is None
    assert knob.action.occurred(told({"action": None})) is None


def test_a_rotation_without_its_numbers_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    knob = make(ZNXNKG02LM)
    assert knob.action.rotation.occurred(told({"action": "rotation"})) is None
    assert "came without action_rotation_angle" in caplog.text


def test_any_action_gives_the_event_of_its_kind() -> None:
    knob = make(ZNXNKG02LM)
    event = knob.action.occurred(told({"action": "single", "battery": 90}))
    assert type(event) is ActionEvent
    assert event.action == "single"
    assert event.message["battery"] == 90


def test_an_action_that_the_definition_does_not_list_is_an_event_all_the_same() -> None:
    event = make(ZNXNKG02LM).action.occurred(told({"action": "shaken"}))
    assert type(event) is ActionEvent
    assert event.action == "shaken"


def test_a_lock_says_who_opened_it() -> None:
    lock = make(ZNMS11LM)
    message = {"action": "finger_open", "action_user": 3, "action_user_type": "admin"}
    event = lock.action.finger_open.occurred(told(message))
    assert (event.user, event.user_type) == (3, "admin")
    assert (
        lock.action.finger_not_match.occurred(
            told({"action": "finger_not_match", "action_repeat": 2})
        ).repeat
        == 2
    )


@pytest.mark.parametrize(
    ("text", "kind", "user", "user_type"),
    [
        ("finger_open_user_id5", "finger_open", 5, "user"),
        ("password_open_admin_id1", "password_open", 1, "admin"),
        ("door_closed_user_id255", "door_closed", 255, "user"),
    ],
)
def test_a_user_in_the_action_itself_is_the_user_of_the_event(
    text: str, kind: str, user: int, user_type: str
) -> None:
    lock = make(ZNMS11LM)
    for message in ({"action": text}, {"action": text, "action_user": user, "user": user}):
        event = lock.action[kind].occurred(told(message))
        assert (event.action, event.user, event.user_type) == (kind, user, user_type)
        assert event.message["action"] == text
        assert lock.action.occurred(told(message)) == event
        assert lock.action.finger_add.occurred(told(message)) is None
    assert lock.action[kind].occurred(told({"action": text}, live=False)) is None
    assert lock.action[kind].occurred(told({"action": f"{kind}_user"})) is None


def test_a_language_in_the_action_itself_is_of_its_kind() -> None:
    lock = make(ZNMS11LM)
    event = lock.action.occurred(told({"action": "change_language_to_english"}))
    assert event.action == "change_language_to"
    assert lock.action.change_language_to.occurred(told(event.message)) == event


def test_a_pattern_of_actions_matches_every_value_of_it() -> None:
    presence = make(RTCZCGQ11LM)
    event = presence.action.region_any_enter.occurred(told({"action": "region_3_enter"}))
    assert event.action == "region_3_enter"
    assert presence.action.region_any_leave.occurred(told({"action": "region_3_enter"})) is None
    assert presence.action["region_*_enter"].action == "region_*_enter"


def test_an_action_that_python_cannot_say_is_an_item() -> None:
    remote = make(TS004F)
    event = remote.action["1_single"].occurred(told({"action": "1_single"}))
    assert event.action == "1_single"


def test_an_unknown_action_names_the_near_ones() -> None:
    knob = make(ZNXNKG02LM)
    with pytest.raises(AttributeError, match=r"no action .singel.\. Did you mean .single."):
        _ = knob.action.singel
    with pytest.raises(LookupError, match="Did you mean 'rotation'"):
        _ = knob.action["rotatio"]


# --- the generator --------------------------------------------------------------------------------


def definition(*exposes: dict[str, Any], model: str = "X") -> dict[str, Any]:
    return {"model": model, "vendor": "Test", "description": "A test", "exposes": list(exposes)}


def load(*exposes: dict[str, Any]) -> type[Any]:
    """The class that the generator makes, executed."""
    text = model_modules([definition(*exposes)])["test"]
    namespace: dict[str, Any] = {"__name__": "made"}
    exec(text, namespace)  # noqa: S102  (what the generator wrote is what is tested)
    made: type[Any] = namespace["X"]
    return made


def test_keywords_and_names_that_a_device_has_itself_get_an_underscore() -> None:
    device = make(
        load(
            {"type": "numeric", "name": "lambda", "property": "lambda", "access": 1},
            {"type": "numeric", "name": "name", "property": "name", "access": 1},
            {"type": "text", "name": "2nd", "property": "2nd", "access": 1},
        )
    )
    assert device.lambda_.key == "lambda"
    assert device.name_.key == "name"
    assert device["2nd"].key == "2nd"
    assert device.name == "it"


def test_values_that_hide_nothing() -> None:
    device = make(
        load(
            {
                "type": "enum",
                "name": "mode",
                "property": "mode",
                "access": 7,
                "values": ["set", "in", "off/on", "", 'a"b', "plain", 3],
            }
        )
    )
    assert (device.mode.set_, device.mode.in_, device.mode.plain) == ("set", "in", "plain")
    assert device.mode.VALUES == ("set", "in", "off/on", "", 'a"b', "plain", 3)


def test_what_a_definition_says_cannot_leave_its_quotes() -> None:
    nasty = 'x"""\nimport os\n"""\\'
    made = load(
        {
            "type": "numeric",
            "name": "a",
            "property": "a",
            "access": 1,
            "unit": nasty,
            "description": nasty,
        }
    )
    assert make(made).a.unit == nasty


NAMES = st.sampled_from(
    [
        "power",
        "lambda",
        "self",
        "timeout",
        "Literal",
        "float",
        "Numeric",
        "MODEL",
        "name",
        "action",
        "light",
        "cover",
        "VALUES",
        "set",
        "Device",
        "Switch",
        "_private",
        "a-b",
        "1",
        "é",
        "None",
        "state_l1",
    ]
)
TEXTS = st.text(max_size=8) | NAMES
BASICS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["numeric", "binary", "enum", "text", "strange"]),
        "property": NAMES,
        "access": st.integers(0, 7),
        "value_on": st.sampled_from(["ON", True]),
        "value_off": st.sampled_from(["OFF", False]),
        "values": st.lists(TEXTS, max_size=4, unique=True),
        "unit": TEXTS,
        "description": TEXTS,
    }
)
MANY = st.lists(BASICS, max_size=4)
COMPOSITES = st.builds(
    lambda key, features: {"type": "composite", "property": key, "access": 7, "features": features},
    NAMES,
    MANY,
)
LISTS = st.builds(
    lambda key, item: {"type": "list", "property": key, "access": 7, "item_type": item},
    NAMES,
    BASICS | COMPOSITES,
)
WHOLES = st.builds(
    lambda kind, endpoint, features: {"type": kind, "endpoint": endpoint, "features": features},
    st.sampled_from(["light", "cover", "lock", "climate", "fan", "switch"]),
    st.sampled_from([None, "l1", "x y"]),
    MANY,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(st.lists(BASICS | COMPOSITES | LISTS | WHOLES, max_size=6), TEXTS)
def test_whatever_a_definition_says_there_is_a_class_for_it(
    exposes: list[dict[str, Any]], model: str
) -> None:
    said = {**definition(*exposes), "model": model}
    text = model_modules([said])["test"]
    namespace: dict[str, Any] = {"__name__": "made"}
    exec(text, namespace)  # noqa: S102
    made = next(one for one in namespace.values() if getattr(one, "VENDOR", None) == "Test")
    device = make(made)
    assert model == device.MODEL
    with pytest.raises(TypeError):
        list(device)
    for key in {expose["property"] for expose in exposed_properties(exposes)} - {"action"}:
        assert device[key].device is device
    entry = {"friendly_name": "it", "ieee_address": "1", "definition": said}
    for text in house_files([entry], [], [], []):
        ast.parse(text)


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two models of one name"):
        model_modules([definition(), definition()])


def test_a_light_is_set_as_a_whole() -> None:
    lamp = make(LED1624G9)
    assert isinstance(lamp.brightness, Numeric)
    assert repr(lamp.light) == "<LightControls it>"
