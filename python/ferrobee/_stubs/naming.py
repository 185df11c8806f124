"""Names of Python for names of devices."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["attribute", "camel", "class_name", "is_name", "module_name"]

_ODD = re.compile(r"[^0-9A-Za-z]+")


def is_name(text: str) -> bool:
    """True for what can be written as a name in Python; keywords can't."""
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text)


def attribute(name: str, taken: Container[str]) -> str | None:
    """The attribute for a name on the wire: itself; with a trailing underscore if it is a keyword
    or taken; None if Python can't say it."""
    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        return None
    if keyword.iskeyword(name):
        name = f"{name}_"
    while name in taken:
        name = f"{name}_"
    return name


def camel(name: str) -> str:
    """`operation_mode` -> `OperationMode`."""
    return "".join(part[:1].upper() + part[1:] for part in _ODD.split(_ascii(name)) if part)


def class_name(model: str, taken: Container[str] = ()) -> str:
    """The class of a model: what is neither letter nor digit is `_`; `M` in front of a digit and of
    what means something else."""
    name = _ODD.sub("_", _ascii(model)).strip("_") or "Unnamed"
    return f"M{name}" if name[0].isdigit() or name in taken or _is_pythons(name) else name


def module_name(vendor: str) -> str:
    """The module of a vendor: in lower case, without accents."""
    name = _ODD.sub("_", _ascii(vendor)).strip("_").lower() or "unnamed"
    return f"v{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def _is_pythons(name: str) -> bool:
    return keyword.iskeyword(name) or hasattr(builtins, name)


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return decomposed.encode("ascii", "ignore").decode()
