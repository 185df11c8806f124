from collections.abc import Callable
from os import PathLike
from typing import final

__all__ = [
    "Bridge",
    "BridgeThread",
    "Broker",
    "Simulator",
    "Watcher",
    "__version__",
    "devices",
]

__version__: str

@final
class Bridge:
    def __new__(
        cls,
        data: str | PathLike[str],
        *,
        simulator: Simulator | None = None,
        console: bool = True,
    ) -> Bridge: ...
    def fileno(self) -> int: ...
    def stop(self) -> None: ...
    def result(self) -> bool: ...

@final
class BridgeThread:
    def __new__(
        cls, emit: Callable[[list[tuple[float, int, str, str]]], None], level: int
    ) -> BridgeThread: ...
    def stop(self) -> None: ...
    @property
    def dropped(self) -> int: ...

@final
class Broker:
    def __new__(cls, port: int) -> Broker: ...
    @property
    def port(self) -> int: ...

@final
class Simulator:
    def __new__(cls) -> Simulator: ...
    @property
    def serial(self) -> str: ...
    def control(self, command: str) -> str: ...
    def play(self, once: str, again: str) -> None: ...
    def close(self) -> None: ...

@final
class Watcher:
    def __new__(
        cls,
        thread: BridgeThread,
        server: str,
        topics: str,
        receive: Callable[[list[tuple[str, bytes, bool]]], None],
    ) -> Watcher: ...
    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None: ...

def devices(data: str | PathLike[str]) -> str: ...
