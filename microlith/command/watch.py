"""A machine may die while a command waits for one of its servers: this notices, and ends the waiting.

The microkernel's clients reconnect by themselves and would wait for an answer that never comes, so the
launcher's news decide.  They are read by a thread; it interrupts the main one with a signal.
"""

import signal
import threading
from pathlib import Path
from typing import Any

from microlith.command.remote import ANSWER_S, DEATHS, Lost, Remote

_SETTLE_S = 0.5  # how long the news of a death may take after its effects


class Watch:
    """While it is entered, the death of the machine raises Lost in the main thread."""

    def __init__(self, folder: Path, patience_s: float = ANSWER_S) -> None:
        self.remote = Remote(folder, patience_s)
        self.remote.ask("follow")
        self._lost = threading.Event()
        self._active = False

    def __enter__(self) -> "Watch":
        self._active = True
        self._before = signal.signal(signal.SIGUSR1, self._interrupt)
        self._thread = threading.Thread(target=self._attend, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._active = False
        self.remote.hang_up()
        self._thread.join()
        signal.signal(signal.SIGUSR1, self._before)
        self.remote.close()

    def _attend(self) -> None:
        try:
            while self.remote.next_news()["event"] not in DEATHS:
                pass
        except Lost:
            pass
        self._lost.set()
        if self._active:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    def _interrupt(self, *_: Any) -> None:
        if self._active:
            raise self.sentence()

    def sentence(self) -> Lost:
        """What there is to say."""
        return Lost(f"machine {self.remote.name} died during the command; it may or may not have been done")

    def settle(self) -> None:
        """After a status that the machine's death may explain: raise Lost if that was it."""
        if self._lost.wait(_SETTLE_S):
            raise self.sentence()
