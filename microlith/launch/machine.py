"""A running machine, as its launcher sees it: the root's process, orders to it, news from it.

A thread attends the root's control channel and the control socket in the run directory, so that the
program that booted the machine can do as it likes.  A root that dies unasked is started again by the
same policy as a server: this is the reboot of a monolith.
"""

import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from microlith.interface.status import UsageError
from microlith.launch import attach
from microlith.launch.foreign import Foreigners
from microlith.launch.orders import MachineDied, Orders, close_all
from microlith.launch.running import Running
from microlith.plan.plan import OPERATOR
from microlith.process import parcel
from microlith.process.birth import Boot
from microlith.process.interpreter import interpreter
from microlith.process.restart import Restart

STOP_S = 10.0  # how long an orderly stop may take before the root is killed
ORDER_S = 20.0  # how long any other order may take
REMEMBERED = 1000  # ends of programs, for whoever asks how one ended

News = Callable[[dict[str, Any]], None]
Devices = dict[str, tuple[str, tuple[int, ...]]]  # attribute -> (kind, descriptors)


class Machine:
    """A booted system.  Use as a context manager: leaving it stops the machine in order."""

    def __init__(self, boot: Boot, devices: tuple[int, ...], news: News | None = None) -> None:
        self.boot, self.run_dir = boot, Path(boot.run)
        self.name = self.run_dir.name
        self.architecture = boot.architecture
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.reboots = 0
        self.booted_ns = 0
        self._devices = devices
        self._attached = attach.Attachments(self)
        self._news = news
        self._foreigners = Foreigners(self.run_dir, {app: boot.commands[app] for app in boot.outside})
        self._restart = Restart({})
        self._orders = Orders()
        self._ended: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._stopping = self._down = False  # asked to end; ended
        self._ending = threading.RLock()
        self.ready = False
        self._dead = ""
        self._refused = ""  # by the root: what would have to be different
        self._never = ""  # why it will not become ready
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._start_root()
        from microlith.launch.listener import Listener

        self._listener = Listener(self)
        self._thread = threading.Thread(target=self._listener.run, name="launcher", daemon=True)
        self._thread.start()

    # --- the root process --------------------------------------------------------------------------

    def _start_root(self) -> None:
        started = time.monotonic_ns()
        ours, theirs = parcel.pair()
        log = open(self.run_dir / f"{self.boot.root.domain}.root", "ab")  # noqa: SIM115 - closed below
        zygote = () if self.boot.program == "library" else ("zygote",)
        command, environment = interpreter("microlith.process.interpreter", str(theirs.fileno()), *zygote)
        self._process = subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=environment, start_new_session=True,
        )  # fmt: skip
        log.close()
        theirs.close()
        parcel.send(ours, msgspec.to_builtins(self.boot), self._devices)
        self._control = ours
        self.booted_ns = started

    @property
    def control(self) -> socket.socket:
        """The control channel to the present root."""
        assert self._control is not None
        return self._control

    @property
    def root_pid(self) -> int:
        """The pid of the root's process."""
        return self._process.pid if self._process else 0

    def heard(self, record: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """One record from the root (in the launcher's thread)."""
        if "re" in record:
            self._orders.answered(record, descriptors)
            return
        close_all(descriptors)
        self.tell(record)

    def tell(self, record: dict[str, Any]) -> None:
        """News: remember what matters, wake whoever waits, pass it on.  `at`: when it came, monotonic ns."""
        record["at"] = time.monotonic_ns()
        with self._changed:
            if record["event"] == "ready":
                self.ready = True
                self._foreigners.start()
            elif record["event"] == "gave up" and not self.ready:
                self._never = f"the server {record['name']} died too often before all were ready, and was given up"
            elif record["event"] == "refused":
                self._refused = record["text"]
            elif record["event"] == "ended":
                self._ended[record["name"]] = record
                if len(self._ended) > REMEMBERED:
                    del self._ended[next(iter(self._ended))]
            self._changed.notify_all()
        self.events.put(record)
        if self._news is not None:
            self._news(record)
        self._listener.spread(record)

    def root_gone(self) -> bool:
        """The root's end of the control channel closed (in the launcher's thread).  True: it lives again."""
        assert self._process is not None
        status = self._process.wait()
        self.control.close()
        self._orders.lost()
        self.ready = False
        delay = None if self._stopping or self._refused else self._restart.delay(time.monotonic())
        if delay is not None:
            self.tell({"event": "reboot", "status": status, "delay_s": delay})
            with self._changed:
                if not self._changed.wait_for(lambda: self._stopping, delay):
                    self._start_root()
                    self.reboots += 1
                    return True
        with self._changed:
            self._dead = "" if self._stopping else f"the root domain ended with status {status} and was given up"
            self._stopping = self._down = True
        self.tell({"event": "down", "status": status, "text": self._dead})
        return False

    # --- orders ------------------------------------------------------------------------------------

    def order(self, do: str, descriptors: tuple[int, ...] = (), timeout_s: float = ORDER_S, **values: Any) -> Any:
        """Give the root an order and wait for the result.  Raises UsageError for what cannot be done."""
        result, given = self.request(do, descriptors, timeout_s, **values)
        close_all(given)
        return result

    def request(
        self, do: str, descriptors: tuple[int, ...] = (), timeout_s: float = ORDER_S, **values: Any
    ) -> tuple[Any, tuple[int, ...]]:
        """The same for an order whose result comes with descriptors, which are the caller's to close."""
        try:
            return self._orders.give(self.control, {"do": do, **values}, descriptors, timeout_s)
        except parcel.Closed:
            raise MachineDied(self._dead or "the root domain is down") from None

    def wait_ready(self, timeout_s: float = 30.0) -> "Machine":
        """Wait until every server is ready.  Raises MachineDied or TimeoutError."""
        limit = time.monotonic() + timeout_s
        with self._changed:
            while not self.ready and not self._down and not self._never:
                if not self._changed.wait(max(0.0, limit - time.monotonic())):
                    raise TimeoutError(f"{self.name} was not ready within {timeout_s:g} s\n{self.logs()}")
        if self._refused:
            raise UsageError(self._refused)
        if self._never:
            raise MachineDied(f"{self._never}\n{self.logs()}")
        if self._down:
            raise MachineDied(f"{self._dead or 'it was stopped'}\n{self.logs()}")
        return self

    def state(self) -> dict[str, Any]:
        """What every domain is doing now."""
        return dict(self.order("state"))

    def kill(self, name: str) -> dict[str, Any]:
        """Kill a server's domain (SIGKILL), or, where that is the root, put a fault into the server.

        `servers` in the answer are all that were in the domain.

        `kernel`, or the root domain's name, is the root itself, and `zygote` what makes the domains.
        """
        if name in ("kernel", self.boot.root.domain):
            if self._process is None or self._process.poll() is not None:
                raise MachineDied(self._dead or "the root domain is down")
            pid = self.root_pid
            self._process.kill()
            return {"killed": self.boot.root.domain, "how": "SIGKILL", "pid": pid}
        return dict(self.order("kill", name=name))

    def run(self, app: str, *arguments: str, stdio: Sequence[int] = (), devices: Devices | None = None) -> Running:
        """Start a demand app.  `stdio`: three descriptors; `devices`: attribute -> (kind, descriptors)."""
        if app not in self.boot.templates:
            raise UsageError(f"{self.boot.system} has no app {app!r}; it has {', '.join(self.boot.templates)}")
        null = os.open(os.devnull, os.O_RDWR)
        streams = tuple(stdio) or (null, null, null)
        names: dict[str, str] = {}
        labels: list[str] = []
        extra: list[int] = []
        for attribute, (_, descriptors) in (devices or {}).items():
            names[attribute] = f"{app}.{attribute}"
            labels += [f"device:{app}.{attribute}:{index}" for index in range(len(descriptors))]
            extra += descriptors
        reboots = self.reboots
        try:
            result = self.order("run", (*streams, *extra), app=app, arguments=arguments, devices=names, labels=labels)
        finally:
            os.close(null)
        return Running(self, str(result["name"]), int(result["pid"]), reboots)

    def ended(self, name: str, timeout_s: float | None, reboots: int | None = None) -> dict[str, Any]:
        """Wait for the end of a program, started after so many reboots (None: as many as now).

        Raises TimeoutError, or MachineDied if the root died with it.
        """
        limit = None if timeout_s is None else time.monotonic() + timeout_s
        reboots = self.reboots if reboots is None else reboots
        with self._changed:
            while name not in self._ended:
                if self._down or self.reboots != reboots:
                    raise MachineDied(self._dead or "the root domain died, and the program with it")
                left = None if limit is None else max(0.0, limit - time.monotonic())
                if not self._changed.wait(left) and limit is not None and time.monotonic() >= limit:
                    raise TimeoutError(f"{name} did not end within {timeout_s:g} s")
            return self._ended.pop(name)

    def has_ended(self, name: str) -> bool:
        """Has the program of that name, whatever its status, ended?"""
        return self._down or name in self._ended

    def connect(self, what: str) -> Any:
        """A capability to a server, for this process as the operator; or all of the demand app `what`.

        One thread uses what it gives.  After a reboot of the root, connect again.  Raises UsageError.
        """
        servers = [p.name for b in (self.boot.root, *self.boot.domains) for p in b.parts if not p.app]
        if what not in (*servers, *self.boot.templates):
            raise UsageError(f"{self.boot.system} has no server {what!r}; it has {', '.join(servers)}")
        attached = self._attached.of(OPERATOR if what in servers else what)
        return getattr(attached, what) if what in servers else attached

    def detach(self) -> None:
        """Give back everything that `connect` gave."""
        self._attached.close()

    def logs(self, lines: int = 30) -> str:
        """The last lines of every domain's log, for people."""
        text = []
        for file in sorted((*self.run_dir.glob("*.root"), *self.run_dir.glob("logs/*.log"))):
            content = file.read_text(errors="replace").splitlines()[-lines:]
            text += [f"{file.stem}: {line}" for line in content]
        return "\n".join(text)

    # --- the end -----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop in order: apps, then servers from the highest rank down; then nothing is left."""
        with self._ending:
            if self._process is None:
                return
            self._end()
            self._foreigners.stop()
            self.detach()
            try:
                self.order("stop", timeout_s=STOP_S)
                self._process.wait(STOP_S)
            except (MachineDied, UsageError, TimeoutError, subprocess.TimeoutExpired):
                pass
        self.destroy()

    def destroy(self) -> None:
        """Kill what is left and remove the run directory.  (It also ends a `stop` in another thread.)"""
        self._end()
        self._foreigners.stop()
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)
        with self._ending:
            self._process = None
            for descriptor in self._devices:
                os.close(descriptor)
            self._devices = ()
            shutil.rmtree(self.run_dir, ignore_errors=True)

    def _end(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
