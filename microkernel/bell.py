"""The bell: what is not a message rings it, and its ringing is a message.

The kernel waits in one place, the receive of its ROUTER; to poll anything beside it would cost every
message some microseconds.  A thread waits for everything else (deaths, interrupt lines, the timer, the
control channel, the gate).  When something is ready it sends the ROUTER an empty message from inside
and waits until that was attended to.  All work is done by the kernel's one other thread.
"""

import os
import select
import threading

import zmq

ADDRESS = "inproc://bell"


class Bell:
    """The thread, and the set of descriptors it waits for.  Make it before the ROUTER listens outside."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", router: "zmq.Socket[bytes]") -> None:
        self.poll = select.epoll()
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        self.poll.register(self._end, select.EPOLLIN)
        self._attended = threading.Semaphore(0)
        router.bind(ADDRESS)
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(ADDRESS)
        self._socket.send(b"")
        self.identity = router.recv()  # nobody else can have spoken yet
        router.recv()
        self._thread = threading.Thread(target=self._watch, name="bell", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._end not in [descriptor for descriptor, _ in self.poll.poll()]:
            self._socket.send(b"")
            self._attended.acquire()
        self._socket.close()

    def ready(self) -> list[int]:
        """What is ready now."""
        return [descriptor for descriptor, _ in self.poll.poll(0)]

    def attended(self) -> None:
        """Everything that was ready has been looked at; it may ring again."""
        self._attended.release()

    def close(self) -> None:
        """End the thread."""
        os.eventfd_write(self._end, 1)
        self._attended.release()
        self._thread.join()
        os.close(self._end)
        self.poll.close()
