"""The broker's step when the transport takes nothing: no depth, however long the queue."""

from collections import deque

from microkernel.broker import Broker
from microkernel.core import Core, events

CALLS = 700


class Full(Broker):
    """A broker between two tasks whose transport has no room; it keeps what it says to callers."""

    def __init__(self):
        self.core, self._untold = Core(), deque()
        self.offered, self.failed = [], []
        self.on = {
            events.Welcome: lambda effect: None,
            events.Up: lambda effect: None,
            events.Deliver: self._deliver,
            events.Fail: lambda effect: self.failed.append((effect.id, effect.status)),
        }

    def offer(self, task, raw):
        self.offered.append(bytes(raw))
        return False


def test_queue_that_cannot_be_delivered_is_told_in_order_without_recursion():
    broker = Full()
    broker.step(events.Create(1, "server", 0, (1,), (), (), (0, 0, CALLS)))
    broker.step(events.Create(2, "client", 1, (), (1,), (), (CALLS, 0, 0)))
    broker.step(events.Started(1, 1))
    broker.step(events.Started(2, 1))
    broker.step(events.Ready(2, 1))
    for number in range(CALLS):
        broker.step(events.Call(2, 1, number + 1, 1, 1, False, 0, (), bytes(40)))
    assert broker.failed == []
    broker.step(events.Ready(1, 1))
    assert broker.failed == [(number + 1, "Busy") for number in range(CALLS)]
    assert len(broker.offered) == CALLS
