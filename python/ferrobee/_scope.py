"""What `home`, `on`, `store` and their like mean: they belong to the file that is being loaded.

The loader and the runtime set the scope (a context variable, so that it holds in the file's tasks
and threads too). A script has one scope of its own, made when it is first asked for.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ferrobee._automations.store import Keeper
    from ferrobee._home import Home

__all__ = ["Scope", "current", "entered"]


class Scope:
    """One automation file, or the script."""

    __slots__ = ("__weakref__", "home", "homes", "id", "keeper", "router")

    def __init__(self, id: str, home: Home | None = None) -> None:  # noqa: A002
        from ferrobee._automations.router import Router

        self.id = id
        """Stable: the file's name without its ending."""
        self.home = home
        """What `home` means. None in a script until it is asked for; then not connected yet."""
        self.homes: list[Home] = []
        """What `Home.connect` made while the file was loaded; connected when it runs, closed when
        it is unloaded."""
        self.router = Router(id)
        """Where the decorators of the module level register."""
        self.keeper: Keeper | None = None
        """What `store` writes to; None while the file does not run."""

    def __repr__(self) -> str:
        return f"Scope({self.id!r})"


_current: ContextVar[Scope] = ContextVar("ferrobee_scope")
_script: Scope | None = None


def current() -> Scope:
    """The scope of whoever asks."""
    global _script  # noqa: PLW0603  (a script has no loader that could keep it)
    scope = _current.get(None)
    if scope is None:
        if _script is None:
            _script = Scope("script")
        scope = _script
    return scope


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Within, `current()` is this scope; tasks and threads begun within keep it."""
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)
