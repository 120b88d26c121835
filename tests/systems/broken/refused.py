"""An interface that is refused when it is defined."""
from microlith.interface.interface import Interface


class Loose(Interface):
    def put(self, values: list) -> None: ...
