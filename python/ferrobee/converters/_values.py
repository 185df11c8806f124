"""Values that functions publish and set: what is shown of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrobee.converters._capability import Capability, here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrobee.converters._attributes import Json
    from ferrobee.converters.generated.primitives import Category

__all__ = ["BinaryValue", "EnumValue", "NumericValue", "TextValue", "Value"]

STATE, SET, GET = 1, 2, 4


class Value(Capability):
    """A value of functions. Which of them publish or set it says whether it can be set and read."""

    kind = ""

    def __init__(self, **fields: Json) -> None:
        self.place = here()
        self.on_endpoint = None
        self.name: str | None = fields.pop("name", None)
        self.fields = {key: value for key, value in fields.items() if value is not None}

    def expose(self, attribute: str, *, settable: bool, readable: bool) -> dict[str, Json]:
        """The value as `bridge/devices` shows it."""
        name = self.name or attribute
        label = name.replace("_", " ")
        access = STATE | (SET if settable else 0) | (GET if readable else 0)
        return {
            "type": self.kind,
            "name": name,
            "label": label[:1].upper() + label[1:],
            "property": name,
            "access": access,
            **self.fields,
        }


class NumericValue(Value):
    """A number."""

    kind = "numeric"

    def __init__(
        self,
        unit: str | None = None,
        *,
        range: tuple[float, float] | None = None,  # noqa: A002
        step: float | None = None,
        name: str | None = None,
        label: str | None = None,
        description: str | None = None,
        category: Category | None = None,
    ) -> None:
        super().__init__(
            unit=unit,
            value_min=range and range[0],
            value_max=range and range[1],
            value_step=step,
            name=name,
            label=label,
            description=description,
            category=category,
        )


class BinaryValue(Value):
    """Yes or no."""

    kind = "binary"

    def __init__(
        self,
        *,
        on: str | bool = True,
        off: str | bool = False,
        name: str | None = None,
        label: str | None = None,
        description: str | None = None,
        category: Category | None = None,
    ) -> None:
        super().__init__(
            value_on=on,
            value_off=off,
            name=name,
            label=label,
            description=description,
            category=category,
        )


class EnumValue(Value):
    """One of several words."""

    kind = "enum"

    def __init__(
        self,
        values: Sequence[str],
        *,
        name: str | None = None,
        label: str | None = None,
        description: str | None = None,
        category: Category | None = None,
    ) -> None:
        super().__init__(
            values=list(values), name=name, label=label, description=description, category=category
        )


class TextValue(Value):
    """Text."""

    kind = "text"

    def __init__(
        self,
        *,
        name: str | None = None,
        label: str | None = None,
        description: str | None = None,
        category: Category | None = None,
    ) -> None:
        super().__init__(name=name, label=label, description=description, category=category)
