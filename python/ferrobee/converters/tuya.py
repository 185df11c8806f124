"""Tuya's datapoints: `tuya.datapoint(2, tuya.Number(divide=10), unit="°C")`.

A datapoint is a numbered value of the cluster 0xef00. What its data means is a form: a number, a
choice, text or raw bytes.
"""

from __future__ import annotations

from ferrobee.converters._forms import Form, Lookup, Number, Raw, Text
from ferrobee.converters.generated.primitives import Datapoint as datapoint  # noqa: N813
from ferrobee.converters.generated.primitives import DatapointProgram as program  # noqa: N813
from ferrobee.converters.generated.primitives import Tuya as gateway  # noqa: N813

__all__ = ["Form", "Lookup", "Number", "Raw", "Switch", "Text", "datapoint", "gateway", "program"]

Switch = Lookup({"ON": 1, "OFF": 0}, "bool")
"""ON and OFF of a datapoint of the type bool."""
