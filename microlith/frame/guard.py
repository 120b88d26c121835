"""The rank rule on a direct link: a synchronous call only to a lower rank.

Links of the system file were checked at load time; a capability that was passed is guarded here, so
that it answers in one address space what it answers across two.
"""

from collections.abc import Callable
from typing import Any

from microlith.frame.facade import Wrap, like
from microlith.interface.operation import Operation
from microlith.interface.status import RankViolation


def guarded(rank: int, holder: int) -> tuple[Wrap, ...]:
    """The wraps of a facade for something of `rank` that a server of rank `holder` receives."""
    if rank < holder:
        return ()

    def wrap(operation: Operation, method: Callable[..., Any]) -> Callable[..., Any]:
        if operation.notify:
            return method

        def refuse(*arguments: Any, **keywords: Any) -> Any:
            raise RankViolation(f"rank {holder} may not call {operation.qualified} at rank {rank}")

        return like(method, refuse)

    return (wrap,)
