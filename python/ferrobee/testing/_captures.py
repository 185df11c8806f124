"""Captures as tests: `pytest --captures FILE`, with the converters of installed packages and, with
`--captures-data DIR` or `ferrobee_data = DIR` in the configuration of pytest, of a data directory.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from ferrobee._converters import compiled_converters
from ferrobee._outcomes import Outcome, decode, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["CaptureError", "CaptureFile", "CaptureItem"]


_CONVERTERS = pytest.StashKey[str]()
_OPEN = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--captures` and `--captures-data`."""
    group = parser.getgroup("ferrobee")
    group.addoption(
        "--captures",
        action="append",
        default=[],
        metavar="FILE",
        help="a file that `ferrobee record` wrote: each of its frames is a test (repeatable)",
    )
    text = "a data directory: captures are decoded with its converters"
    group.addoption("--captures-data", metavar="DIR", help=text)
    parser.addini("ferrobee_data", type="paths", help=f"{text}, unless --captures-data names one")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Files given with `--captures` are collected: alone, or beside the paths that were given."""
    config = session.config
    captures: list[str] = config.getoption("--captures")
    if captures:
        are_given = config.args_source is pytest.Config.ArgsSource.ARGS
        config.args[:] = [*(config.args if are_given else []), *captures]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Files given with `--captures` hold tests."""
    given: Iterable[str] = parent.config.getoption("--captures")
    wanted = {(parent.config.invocation_params.dir / name).resolve() for name in given}
    if file_path.resolve() in wanted:
        return CaptureFile.from_parent(parent, path=file_path)
    return None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Removes what converters needed."""
    if _OPEN in config.stash:
        config.stash[_OPEN].close()


def _converters(config: pytest.Config) -> str:
    """The converters that captures are decoded with; compiled once."""
    if _CONVERTERS not in config.stash:
        config.stash[_OPEN] = ExitStack()
        converters = config.stash[_OPEN].enter_context(compiled_converters(_data(config)))
        for entry in converters.entries if converters else ():
            if entry.error is not None:
                raise pytest.UsageError(f"a converter does not load: {entry.error}")
        config.stash[_CONVERTERS] = converters.json() if converters else "[]"
    return config.stash[_CONVERTERS]


def _data(config: pytest.Config) -> Path | None:
    given: str | None = config.getoption("--captures-data")
    folders: list[Path] = config.getini("ferrobee_data")
    if given is not None:
        folders = [config.invocation_params.dir / given]
    for folder in folders:
        if not folder.is_dir():
            raise pytest.UsageError(f"the data directory {folder} does not exist")
    return folders[0] if folders else None


class CaptureFile(pytest.File):
    """A file of captures."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each frame."""
        outcomes, _ = decode([self.path], _converters(self.config))
        for outcome in outcomes:
            name = f"{outcome.line}-{outcome.model or 'unknown'}"
            yield CaptureItem.from_parent(self, name=name, outcome=outcome)


class CaptureItem(pytest.Item):
    """A frame: this version publishes what was published when it was recorded."""

    def __init__(self, *, outcome: Outcome, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(**rest)
        self.outcome = outcome

    def runtest(self) -> None:
        """Fails when something else would be published."""
        if not self.outcome.same:
            raise CaptureError(self.outcome)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Old and new side by side."""
        if isinstance(excinfo.value, CaptureError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """File and line."""
        return self.path, self.outcome.line - 1, self.name


class CaptureError(AssertionError):
    """A frame is decoded otherwise than it was."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("\n".join(_text(outcome)))


def _text(outcome: Outcome) -> Iterator[str]:
    where = f"{outcome.file}:{outcome.line}"
    if outcome.error is not None:
        yield f"{where}: no capture: {outcome.error}"
        return
    yield f"{where}: {outcome.model} would publish something else"
    for row in table(outcome, "recorded", "now"):
        yield f"  {row}"
