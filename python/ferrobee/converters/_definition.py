"""`Definition`: a device as a class, and how it becomes data."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ferrobee.converters._attributes import Attribute, Cluster, Command, Tag, hexadecimal
from ferrobee.converters._capability import Capability, ConverterError, Place, here, plain
from ferrobee.converters._values import Value
from ferrobee.converters.functions import Configure, From, To, marks

if TYPE_CHECKING:
    from ferrobee.converters._attributes import Json
    from ferrobee.converters.lumi import Structure
    from ferrobee.converters.steps import Step

__all__ = ["Also", "Compiled", "Definition", "Model"]


@dataclass(frozen=True, slots=True)
class Model:
    """Devices by what they say of themselves.

    `model` is genBasic.modelId. `manufacturers`: only with one of these as
    genBasic.manufacturerName; such a match goes before one without. `inputs`: clusters that some
    endpoint must have.
    """

    model: str
    manufacturers: Sequence[str] = ()
    inputs: Sequence[Cluster | int] = ()

    def data(self) -> dict[str, Json]:
        """The match as definitions write it."""
        data: dict[str, Json] = {"model": self.model}
        if isinstance(self.manufacturers, str):
            raise ConverterError('manufacturers is a list: manufacturers=["..."]')
        if self.manufacturers:
            data["manufacturers"] = list(self.manufacturers)
        if self.inputs:
            data["inputs"] = [
                hexadecimal(cluster.id if isinstance(cluster, Cluster) else cluster)
                for cluster in self.inputs
            ]
        return data


@dataclass(frozen=True, slots=True)
class Also:
    """Another name under which a model is sold."""

    vendor: str
    description: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A definition as data, and where in the source its parts are."""

    definition: dict[str, Json]
    place: Place
    places: list[Place]
    """Of each capability."""
    names: list[str]
    """What the class calls each capability."""
    captures: list[str]

    @property
    def functions(self) -> bool:
        """True when it needs a worker."""
        return any(item["type"] == "python" for item in self.definition["capabilities"])


class Definition:
    """A device. A class that derives from it says which devices are meant and what they can do."""

    match: ClassVar[Model | Sequence[Model]]
    """Which devices it is for."""
    model: ClassVar[str]
    """The name of the model, as the vendor writes it on the device."""
    vendor: ClassVar[str]
    description: ClassVar[str]
    also: ClassVar[Sequence[Also]] = ()
    """Other names of the model."""
    version: ClassVar[str | None] = None
    """Like `0.0.1`. A greater one has devices configured again."""
    ota: ClassVar[bool] = False
    """True: takes firmware over the air."""
    no_default_response: ClassVar[bool] = False
    """True: the device does not answer commands."""
    endpoints: ClassVar[Mapping[str, int]] = {}
    """Names of endpoints, in order; those of capabilities with `endpoint=` need not be here."""
    structures: ClassVar[Sequence[Structure]] = ()
    """Attributes that hold structures of tagged values."""
    action_place: ClassVar[int | None] = None
    """The place of `action` among what is shown, where it is not the last."""
    configure: ClassVar[Sequence[Step] | None] = None
    """What is done once; `None` where nothing can be configured."""
    without: ClassVar[Sequence[str]] = ()
    """Capabilities of the base class that this device does not have."""
    captures: ClassVar[str | Sequence[str]] = ()
    """Files with recorded messages of the device, which are tests of the definition."""

    _place: ClassVar[Place]
    _all: ClassVar[list[type[Definition]]] = []

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._place = here()
        Definition._all.append(cls)

    @classmethod
    def data(cls) -> dict[str, Json]:
        """The definition in the form of the catalogue."""
        return cls.compiled().definition

    @classmethod
    def compiled(cls) -> Compiled:
        """The definition in the form of the catalogue, with the places of its parts."""
        return _Compiler(cls).compiled()


FIELDS = [name for name in Definition.__annotations__ if not name.startswith("_")]
_REQUIRED = ("match", "model", "vendor", "description")


class _Compiler:
    """Makes data of one class."""

    def __init__(self, cls: type[Definition]) -> None:
        self.cls = cls
        self.members = _members(cls)
        self.endpoints = dict(cls.endpoints)
        self.capabilities: list[dict[str, Json]] = []
        self.places: list[Place] = []
        self.names: list[str] = []
        self.values: dict[str, Value] = {}

    def fail(self, text: str, place: Place | None = None, suggestion: str = "") -> ConverterError:
        return ConverterError(f"{self.cls.__name__}: {text}", place or self.cls._place, suggestion)

    def compiled(self) -> Compiled:
        for name in _REQUIRED:
            if not hasattr(self.cls, name):
                raise self.fail(f"'{name}' is missing", suggestion=f"{name} = ...")
        self.check_members()
        for name, member in self.members.items():
            if isinstance(member, Value):
                self.values[name] = member
            elif isinstance(member, Capability):
                self.add(name, member)
        self.add_functions()
        return Compiled(
            self.head(), self.cls._place, self.places, self.names, _listed(self.cls.captures)
        )

    def check_members(self) -> None:
        for name, member in self.members.items():
            if isinstance(member, Capability) and name in FIELDS:
                raise self.fail(
                    f"'{name}' is a field of every definition",
                    member.place,
                    f'{name}_ = {type(member).__name__}(name="{name}", ...)',
                )
            if name.startswith("_") or callable(member) or isinstance(member, Capability):
                continue
            if isinstance(member, (classmethod, staticmethod, property)) or name in FIELDS:
                continue
            close = difflib.get_close_matches(name, FIELDS, 1)
            raise self.fail(
                f"'{name}' is neither a capability nor a field of a definition",
                suggestion=f"did you mean {close[0]}?" if close else f"_{name} if it is your own",
            )

    def head(self) -> dict[str, Json]:
        cls = self.cls
        matches = [cls.match] if isinstance(cls.match, Model) else list(cls.match)
        data: dict[str, Json] = {
            "match": [match.data() for match in matches],
            "model": cls.model,
            "vendor": cls.vendor,
            "description": cls.description,
        }
        if cls.also:
            data["also"] = [
                {"vendor": also.vendor, "description": also.description} for also in cls.also
            ]
        if cls.version is not None:
            data["version"] = cls.version
        for name in ("ota", "no_default_response"):
            if getattr(cls, name):
                data[name] = True
        if self.endpoints:
            data["endpoints"] = [[name, number] for name, number in self.endpoints.items()]
        if cls.structures:
            data["structures"] = [structure.data() for structure in cls.structures]
        if cls.action_place is not None:
            data["action_place"] = cls.action_place
        data["capabilities"] = self.capabilities
        if cls.configure is not None:
            data["configure"] = [plain(step) for step in cls.configure]
        return data

    def add(self, name: str, capability: Capability) -> None:
        suffix = None
        if capability.on_endpoint is not None:
            name, suffix = self.endpoint(name, capability)
        for data in capability.expand(name):
            if suffix is not None and self.merged(data, suffix):
                continue
            if suffix is not None:
                data["endpoints"] = [suffix]
            self.capabilities.append(data)
            self.places.append(capability.place)
            self.names.append(name)

    def endpoint(self, name: str, capability: Capability) -> tuple[str, str]:
        """What the capability is called without its endpoint's name, and that."""
        number = capability.on_endpoint
        known = [one for one, other in self.endpoints.items() if other == number]
        for one in known:
            if name.endswith(f"_{one}"):
                return name.removesuffix(f"_{one}"), one
        base, _, suffix = name.rpartition("_")
        if not base or known:
            wanted = known[0] if known else "left"
            raise self.fail(
                f"the name '{name}' has to end with the name of endpoint {number}",
                capability.place,
                f"{base or name}_{wanted} = {type(capability).__name__}(endpoint={number}, ...)",
            )
        if suffix in self.endpoints:
            raise self.fail(
                f"'{suffix}' is the name of endpoint {self.endpoints[suffix]} already",
                capability.place,
            )
        assert number is not None  # noqa: S101 -- the caller asked
        self.endpoints[suffix] = number
        return base, suffix

    def merged(self, data: dict[str, Json], suffix: str) -> bool:
        """True when an earlier capability, on another endpoint, says the same."""
        for known in self.capabilities:
            if known["type"] != data["type"] or suffix in known.get("endpoints", (suffix,)):
                continue
            if _without(known) == _without(data) and ("tags" in known) == ("tags" in data):
                known["endpoints"].append(suffix)
                if "tags" in data:
                    known["tags"].extend(data["tags"])
                return True
        return False

    def add_functions(self) -> None:
        heard: list[dict[str, Json]] = []
        sets: list[dict[str, Json]] = []
        reads: list[dict[str, Json]] = []
        configures: list[str] = []
        first: Place | None = None
        for name, member in self.members.items():
            for mark in marks(member):
                code = member.__code__
                place = Place(code.co_filename, code.co_firstlineno)
                first = first or place
                self.check_signature(name, code.co_varnames[: code.co_argcount], mark, place)
                match mark:
                    case From():
                        heard.append(self.heard(name, mark))
                    case To(key=key, read=None):
                        sets.append({"key": key, "function": name})
                    case To(key=key, read=Attribute() as at):
                        sets.append({"key": key, "function": name})
                        where = {**at.at(), "endpoint": at.endpoint}
                        where.pop("exact", None)
                        reads.append(_given(key=key, **where))
                    case _:
                        configures.append(name)
        if first is None:
            for name, value in self.values.items():
                raise self.fail(f"no function publishes or sets '{name}'", value.place)
            return
        if len(configures) > 1:
            raise self.fail(f"several functions configure: {', '.join(configures)}")
        self.capabilities.append(
            _given(
                type="python",
                exposes=self.exposes(sets, reads),
                **{"from": heard or None},
                to=sets or None,
                read=reads or None,
                configure=configures[0] if configures else None,
            )
        )
        self.places.append(first)
        self.names.append("functions")

    def check_signature(
        self, name: str, have: tuple[str, ...], mark: From | To | Configure, place: Place
    ) -> None:
        """A function that cannot be called is told now, not with the first message."""
        match mark:
            case From():
                wanted: tuple[str, ...] = ("self", "message")
            case To():
                wanted = ("self", "value", "request")
            case _:
                wanted = ("self", "request")
        if len(have) != len(wanted):
            raise self.fail(
                f"the function '{name}' has the parameters ({', '.join(have)})",
                place,
                f"def {name}({', '.join(wanted)})",
            )

    def exposes(
        self, sets: list[dict[str, Json]], reads: list[dict[str, Json]]
    ) -> list[dict[str, Json]]:
        set_keys = {one["key"] for one in sets}
        read_keys = {one["key"] for one in reads}
        shown = []
        for name, value in self.values.items():
            key = value.name or name
            shown.append(value.expose(name, settable=key in set_keys, readable=key in read_keys))
        return shown

    def heard(self, function: str, mark: From) -> dict[str, Json]:
        """What the bridge must hear, so that the function can be called."""
        match mark.what:
            case Attribute(cluster=cluster, id=number, manufacturer=code, exact=exact):
                what: dict[str, Json] = {
                    "cluster": hexadecimal(cluster),
                    "attribute": hexadecimal(number),
                }
                if exact and code is not None:
                    what["manufacturer"] = hexadecimal(code)
            case Command():
                what = {"cluster": hexadecimal(mark.what.cluster), "command": mark.what.id}
            case Tag():
                if not self.cls.structures:
                    raise self.fail(
                        "a tag needs the attribute that holds the structure",
                        suggestion="structures = [lumi.F7]",
                    )
                what = {"tag": mark.what.number}
            case _:
                what = {"dp": mark.what.number}
        return _given(function=function, endpoint=mark.endpoint, **what)


def _members(cls: type[Definition]) -> dict[str, Json]:
    """What the class and its bases define, bases first."""
    members: dict[str, Json] = {}
    for base in reversed(cls.__mro__):
        if base is not object and base is not Definition:
            for name in vars(base).get("without", ()):
                members.pop(name, None)
            members.update(vars(base))
    return {name: member for name, member in members.items() if not name.startswith("__")}


def _without(data: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in data.items() if key not in ("endpoints", "tags")}


def _given(**fields: Json) -> dict[str, Json]:
    return {key: value for key, value in fields.items() if value is not None}


def _listed(captures: str | Sequence[str]) -> list[str]:
    return [captures] if isinstance(captures, str) else list(captures)
