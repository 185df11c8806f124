"""The builder of converters: classes become definitions, the same that the catalogue has."""

from __future__ import annotations

import json
import types
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import generate_converters
from tests.support.definitions import builtin, of_model, plain
from tests.support.museum import MUSEUM

from ferrobee import _core, converters
from ferrobee.converters import (
    Bool,
    Cluster,
    ConverterError,
    Definition,
    Model,
    Numeric,
    Octets,
    OnOff,
    Operation,
    Setting,
    Single,
    Temperature,
    Text,
    Uint8,
    clusters,
    lumi,
    operations,
    steps,
)
from ferrobee.converters._source import Source, identifier
from ferrobee.converters.compile import compiled

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_generated_follows_from_the_schema_and_the_cluster_library() -> None:
    for path, text in generate_converters.outputs().items():
        assert path.read_text() == text, f"run python -m tests.support.generate_converters: {path}"


@pytest.mark.parametrize("definition", builtin(), ids=lambda one: one["model"])
def test_every_definition_of_the_catalogue_can_be_written_in_python(
    definition: dict[str, Any],
) -> None:
    source = Source()
    name = identifier(definition["model"])
    text = source.file([source.definition(definition, name)], '"""A definition."""')
    module = types.ModuleType("written")
    exec(text, module.__dict__)  # noqa: S102 -- our own text
    again = getattr(module, name).data()
    assert plain(again) == plain(definition)


def test_every_capability_of_the_schema_has_a_class() -> None:
    schema = json.loads(generate_converters.SCHEMA.read_text())
    kinds = {one["properties"]["type"]["const"] for one in schema["$defs"]["capability"]["oneOf"]}
    have = {
        one.type
        for one in vars(converters).values()
        if isinstance(one, type) and issubclass(one, converters.Capability) and hasattr(one, "type")
    }
    assert kinds - have - generate_converters.LEFT_OUT == set()


@pytest.mark.parametrize("converter", sorted(MUSEUM.glob("v*/*.py")), ids=lambda path: path.stem)
def test_converters_of_the_museum_make_what_they_always_made(converter: Path) -> None:
    golden = json.loads(converter.with_suffix(".json").read_text())
    assert [one.definition for one in compiled(converter)] == golden


@pytest.mark.parametrize(
    ("file", "models"),
    [
        ("aqara_relay", ["LLKZMK11LM"]),
        ("aqara_switches", ["QBKG41LM", "QBKG40LM"]),
        ("aqara_knob", ["ZNXNKG02LM"]),
        ("aqara_lock", ["ZNMS11LM"]),
        ("tuya_thermostat", ["ZHT-S03"]),
    ],
)
def test_devices_rebuilt_in_python_have_the_definition_of_the_catalogue(
    file: str, models: list[str]
) -> None:
    made = compiled(MUSEUM / "v1_0" / f"{file}.py")
    assert [one.definition["model"] for one in made] == models
    for one in made:
        assert plain(one.definition) == plain(of_model(one.definition["model"]))


def test_switches_on_endpoints_are_one_capability_and_name_their_endpoints() -> None:
    class Relay(Definition):
        match = Model("x")
        model, vendor, description = "X", "X", "X"
        state_l1 = OnOff(endpoint=1, tags=[0x64])
        state_l2 = OnOff(endpoint=2, tags=[0x65])

    assert Relay.data()["endpoints"] == [["l1", 1], ["l2", 2]]
    assert Relay.data()["capabilities"] == [
        {"type": "on_off", "endpoints": ["l1", "l2"], "tags": [0x64, 0x65]}
    ]


def test_a_name_without_an_endpoint_at_its_end_is_refused_with_what_to_write() -> None:
    class Relay(Definition):
        match = Model("x")
        model, vendor, description = "X", "X", "X"
        endpoints = {"left": 1}  # noqa: RUF012
        switch = OnOff(endpoint=1)

    with pytest.raises(ConverterError, match="has to end with the name of endpoint 1") as refused:
        Relay.data()
    assert refused.value.suggestion == "switch_left = OnOff(endpoint=1, ...)"
    assert refused.value.place is not None
    assert refused.value.place.file == __file__


def test_a_derived_definition_has_the_capabilities_of_its_base_unless_they_are_taken_away() -> None:
    class Base(Definition):
        match = Model("x")
        model, vendor, description = "X", "X", "X"
        state = OnOff()
        temperature = Temperature()

    class Derived(Base):
        match = Model("y")
        without = ("temperature",)

    assert [one["type"] for one in Base.data()["capabilities"]] == ["on_off", "numeric"]
    assert [one["type"] for one in Derived.data()["capabilities"]] == ["on_off"]


@pytest.mark.parametrize("field", ["match", "model", "vendor", "description"])
def test_a_definition_without_what_every_one_has_is_refused(field: str) -> None:
    fields: dict[str, Any] = {
        "match": Model("x"),
        "model": "X",
        "vendor": "X",
        "description": "X",
        "state": OnOff(),
    }
    del fields[field]
    made: Any = type("Missing", (Definition,), fields)
    with pytest.raises(ConverterError, match=f"'{field}' is missing"):
        made.data()


def test_a_field_that_no_definition_has_is_refused_with_the_near_one() -> None:
    class Mistyped(Definition):
        match = Model("x")
        model, vendor, description = "X", "X", "X"
        structure = (lumi.F7,)
        state = OnOff()

    with pytest.raises(ConverterError, match="'structure' is neither") as refused:
        Mistyped.data()
    assert refused.value.suggestion == "did you mean structures?"


def test_a_capability_with_the_name_of_a_field_is_refused_with_the_way_out() -> None:
    class Named(Definition):
        match = Model("x")
        model, vendor, description = "X", "X", "X"
        version = Numeric(sources=[lumi.tag(1)])  # type: ignore[assignment]

    with pytest.raises(ConverterError) as refused:
        Named.data()
    assert refused.value.suggestion == 'version_ = Numeric(name="version", ...)'


def test_numbers_are_scaled_in_one_order_only() -> None:
    value = clusters.AnalogInput.present_value
    assert (value * 3 / 10 - 2).data() == {
        "at": value.at(),
        "multiply": 3,
        "divide": 10,
        "add": -2,
    }
    with pytest.raises(ValueError, match="in the order"):
        (value - 2) / 10


def test_what_is_written_needs_a_type() -> None:
    vendor = Cluster(0xFC11, manufacturer=0x1286)
    assert Setting(vendor.attr(1, Uint8), values={"a": 0}).data("x")["data_type"] == "uint8"
    with pytest.raises(ConverterError, match="type is not known"):
        Setting(vendor.attr(1), values={"a": 0})


def test_an_endpoint_of_a_source_is_refused() -> None:
    with pytest.raises(ConverterError, match="heard from every endpoint"):
        Numeric(sources=[clusters.AnalogInput.present_value @ 1])


def test_steps_read_attributes_of_one_cluster_only() -> None:
    step = steps.read(clusters.Basic.model_id @ 2, clusters.Basic.zcl_version @ 2)
    assert step.data()["read"]["more"] == ["0x0000"]
    assert step.data()["read"]["endpoint"] == 2
    with pytest.raises(ValueError, match="different clusters"):
        steps.read(clusters.Basic.model_id, clusters.OnOff.on_off)


OWN = Cluster(0xFC00, manufacturer=0x1234)


@pytest.mark.parametrize(
    "operation",
    [
        operations.write(clusters.OnOff.on_time, 5),
        operations.write(OWN.attr(1, Octets) @ 2, b"\x01\x02", wait=False),
        operations.write(OWN.attr(1, Text), "text"),
        operations.write(OWN.attr(1, Single), 1.5),
        operations.write(OWN.attr(1, Bool), True),
        operations.read(clusters.Basic.model_id @ 2, clusters.Basic.zcl_version @ 2),
        operations.read(OWN.attr(1)),
        operations.command(clusters.OnOff.commands.toggle),
        operations.command(clusters.LevelCtrl.commands.move_to_level, {"level": 5, "transtime": 0}),
        operations.command(OWN.command(3), b"\x01", endpoint=2),
        operations.datapoint(1, "bool", True),
        operations.datapoint(2, "value", -5),
        operations.datapoint(3, "enum", 2),
        operations.datapoint(4, "bitmap", 6),
        operations.datapoint(5, "string", "text"),
        operations.datapoint(6, "raw", b"\x01"),
        operations.bind(clusters.OnOff, endpoint=2),
        operations.report(clusters.OnOff.on_off, minimum=0, maximum=60),
        operations.report(clusters.AnalogInput.present_value, minimum=0, maximum=60, change=0.5),
        operations.report(OWN.attr(1, Uint8), minimum=0, maximum=60, change=1),
        operations.sleep(0.5),
    ],
    ids=lambda one: f"{one.kind}",
)
def test_the_engine_understands_every_operation(operation: Operation) -> None:
    definition = {
        "match": [{"model": "x"}],
        "model": "X",
        "vendor": "X",
        "description": "X",
        "endpoints": [["a", 1], ["b", 2]],
        "capabilities": [{"type": "python", "to": [{"key": "k", "function": "f"}]}],
    }
    setup = {"replies": [{"operations": [operation.data()]}]}
    done = json.loads(_core.encode(json.dumps(definition), '{"set": {"k": 1}}', json.dumps(setup)))
    assert done["errors"] == []
    sent = "command" if operation.kind == "datapoint" else operation.kind
    assert [next(iter(one)) for one in done["operations"]] == [sent], done
