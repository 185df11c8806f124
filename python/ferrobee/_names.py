"""Names that are close to a wrong one."""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ferrobee.errors import FerrobeeError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["meant", "suggestion"]

_AT_MOST = 3
_KEYWORD = re.compile(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'")
_IMPORT = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """A sentence that names what is close, else what there is; begins with a blank."""
    names = sorted({str(name) for name in known})
    if not names:
        return ""
    # Upper and lower case are the commonest difference of all.
    by_lower = {name.lower(): name for name in reversed(names)}
    close = [
        by_lower[name]
        for name in get_close_matches(wrong.lower(), list(by_lower), n=_AT_MOST, cutoff=0.6)
    ]
    if close:
        return f" Did you mean {_either(close)}?"
    if len(names) <= 12:
        return f" There is {', '.join(map(repr, names))}."
    return ""


def _either(names: list[str]) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} or {last}" if first else last


def meant(error: BaseException) -> str:
    """What a name that Python itself does not know was probably to be; begins with a full stop.

    Python says that only in tracebacks, and of imports only from 3.12 on. Empty where there is
    nothing to say; errors of ours say it themselves.
    """
    try:
        hint = "" if isinstance(error, FerrobeeError) else _meant(error)
    except Exception:
        # Objects of other people can say anything when they are asked what they have.
        return ""
    return f".{hint}" if hint else ""


def _meant(error: BaseException) -> str:
    match error:
        case ModuleNotFoundError(name=str(name)):
            package, _, last = name.rpartition(".")
            parent = sys.modules.get(package)
            return suggestion(last, (one.name for one in pkgutil.iter_modules(_path(parent))))
        case ImportError() if found := _IMPORT.match(str(error)):
            name, module = found.groups()
            return _elsewhere(name, module) or suggestion(name, _public(sys.modules[module]))
        case TypeError() if found := _KEYWORD.match(str(error)):
            function, name = found.groups()
            return suggestion(name, _parameters(function))
        case AttributeError(name=str(name), obj=owner) if owner is not None:
            return suggestion(name, _public(owner))
        case NameError(name=str(name)):
            import ferrobee

            if name in ferrobee.__all__:
                return f" Write `from ferrobee import {name}`."
            return suggestion(name, ferrobee.__all__)
    return ""


def _elsewhere(name: str, module: str) -> str:
    """Where a model's class is, that was looked for in another vendor's module."""
    from ferrobee.models._index import MODELS

    vendors = sorted({vendor for vendor, kind in MODELS.values() if kind == name})
    if not module.startswith("ferrobee.models") or not vendors:
        return ""
    return f" It is in ferrobee.models.{vendors[0]}."


def _parameters(function: str) -> list[str]:
    """What a function or method of ours takes; nothing of one that is not public."""
    import ferrobee
    from ferrobee import properties

    first, *rest = function.split(".")
    found = getattr(ferrobee, first, None) or getattr(properties, first, None)
    for name in rest:
        found = getattr(found, name, None)
    return [name for name in inspect.signature(found).parameters if name != "self"] if found else []


def _path(package: object) -> list[str]:
    return list(getattr(package, "__path__", ()))


def _public(owner: object) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]
