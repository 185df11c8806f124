from collections.abc import Callable
from typing import final

__all__ = ["BridgeThread", "Broker", "__version__"]

__version__: str

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
