"""Captures as tests: `pytest --captures FILE`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ferrobee.testing._outcomes import Outcome, decode, difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["CaptureError", "CaptureFile", "CaptureItem"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--captures`."""
    parser.getgroup("ferrobee").addoption(
        "--captures",
        action="append",
        default=[],
        metavar="FILE",
        help="a file that `ferrobee record` wrote: each of its frames is a test (repeatable)",
    )


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


class CaptureFile(pytest.File):
    """A file of captures."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each frame."""
        for outcome in decode(self.path):
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
    rows = [("key", "recorded", "now"), *difference(outcome.expected, outcome.payload)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(cells).rstrip()
