"""The root domain: the process that the launcher starts and with which everything dies.

What every root has in common: the control channel to its launcher, the devices it was handed, the
page, the log file and the standard streams of each domain it starts.  Its end comes with an order to
stop, a fault, or the launcher's death (the control channel closes).

Control records, both ways, are maps: a request has `do` and `id`, its answer `re`, news `event`.
"""

import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from microlith.frame.page import Page
from microlith.interface.status import UsageError
from microlith.process import parcel
from microlith.process.birth import Birth, Boot
from microlith.process.metering import Metering

if TYPE_CHECKING:
    from microlith.process.spawner import Spawner

REFUSED = 2  # exit status: this host cannot run that system
FAULT = 70
WALK_SIZE = 1 << 20  # of the file in which a domain notes what it does: see walked.py
MOST_ROWS = 3000  # of counts in one answer, so that it stays a record (parcel.LARGEST), whatever domains write
Zygote = tuple[int, socket.socket]  # pid, our end of its socket


class Root:
    """The launcher's partner."""

    def __init__(self, control: socket.socket, boot: Boot, devices: list[int], zygote: Zygote | None) -> None:
        self.control, self.boot, self.zygote = control, boot, zygote
        self.devices = dict(zip(boot.labels, devices, strict=True))
        self.pages: dict[str, Page] = {}
        self.metering = Metering()
        self.handlers: dict[str, Callable[[dict[str, Any], list[int]], Any]] = {}
        self.launcher_gone: Callable[[], None] = lambda: os._exit(0)
        self._page_descriptors: dict[str, int] = {}
        self._walk_files: dict[str, int] = {}
        self._programs = 0
        os.makedirs(os.path.join(boot.run, "logs"), exist_ok=True)

    # --- the control channel -----------------------------------------------------------------------

    def attend(self) -> None:
        """Serve one control record."""
        try:
            record, descriptors = parcel.receive(self.control)
        except parcel.Closed:
            self.launcher_gone()
            return
        self.serve(record, descriptors)

    def serve(self, record: dict[str, Any], descriptors: list[int]) -> None:
        """Carry an order out and answer it; what cannot be done is an error in words."""
        try:
            result = self.handlers[record["do"]](record, descriptors)
        except (LookupError, UsageError) as error:
            result = {"error": f"{error}"}
        if record["do"] == "state":
            fit(result["domains"])
        if result is not None:
            self.answer(record["id"], result)

    def answer(self, number: int, result: Any, descriptors: tuple[int, ...] = ()) -> None:
        """Answer a control request (a handler that answers by itself gives back None)."""
        self._send({"re": number, "result": result}, descriptors)

    def attached(self, number: int, name: str, birth: Birth, link: dict[str, int], **more: Any) -> None:
        """Answer the order to attach a process: what it must know, and its descriptors, closed here."""
        slots = [[s.slot, s.handle, s.rank] for s in birth.parts[0].slots]
        known = {"name": name, "transport": birth.link, "slots": slots, "rank": birth.rank, "spins": birth.spins}
        known |= msgspec.to_builtins({"peers": birth.peers, "places": birth.parts[0].slots})
        self.answer(number, {**known, "labels": tuple(link), **more}, tuple(link.values()))
        self.drop(link)

    def event(self, event: str, **values: Any) -> None:
        """Tell the launcher some news."""
        self._send({"event": event, **values})

    def _send(self, record: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        try:
            parcel.send(self.control, record, descriptors)
        except parcel.Closed:
            pass  # the next `attend` sees it

    # --- what a domain is handed -------------------------------------------------------------------

    def page(self, domain: str) -> Page:
        """The page of a domain, made at its first start and kept over restarts."""
        if domain not in self.pages:
            descriptor = Page.make(f"page:{domain}")
            self._page_descriptors[domain] = descriptor
            self.pages[domain] = Page(descriptor)
        return self.pages[domain]

    def forget(self, domain: str) -> None:
        """A program has ended for good: let its page go."""
        self.metering.forget(domain)
        if domain in self.pages:
            self.pages.pop(domain).close()
            os.close(self._page_descriptors.pop(domain))
        if domain in self._walk_files:
            os.close(self._walk_files.pop(domain))

    def walk_file(self, domain: str) -> int:
        """Where a domain of a machine that is walked notes what it does, kept over restarts: see walked.py."""
        if domain not in self._walk_files:
            folder = os.path.join(self.boot.run, "walk")
            os.makedirs(folder, exist_ok=True)
            self._walk_files[domain] = os.open(f"{folder}/{domain}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._walk_files[domain], WALK_SIZE)
        return self._walk_files[domain]

    def endow(
        self, birth: Birth, stdio: tuple[int, ...] = (), link: dict[str, int] | None = None
    ) -> tuple[Birth, tuple[int, ...]]:
        """A birth with its descriptors: standard streams, page, link (by label), devices.

        Without `stdio` the domain reads nothing and writes to its log file.  The caller closes the
        descriptors listed first: see `spent`.
        """
        self.page(birth.domain)
        given = dict(zip(("stdin", "stdout", "stderr"), stdio or self._streams(birth.domain), strict=False))
        given["page"] = self._page_descriptors[birth.domain]
        if birth.walked:
            given["walk"] = self.walk_file(birth.domain)
        given |= link or {}
        wanted = {f"device:{name}:" for part in birth.parts for name in part.devices.values()}
        given |= {label: fd for label, fd in self.devices.items() if label[: label.rindex(":") + 1] in wanted}
        return msgspec.structs.replace(birth, labels=tuple(given)), tuple(given.values())

    def spawn(self, spawner: "Spawner", birth: Birth, stdio: tuple[int, ...], link: dict[str, int]) -> int:
        """Make a domain; its pid.  What it was handed for itself alone is closed here."""
        birth, descriptors = self.endow(birth, stdio, link)
        pid = spawner.spawn(birth, descriptors)
        self.spent(descriptors)
        self.drop(link)
        return pid

    def _streams(self, domain: str) -> tuple[int, int, int]:
        log = os.path.join(self.boot.run, "logs", f"{domain}.log")
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), out, os.dup(out)

    @contextlib.contextmanager
    def lent(self, record: dict[str, Any], descriptors: list[int]) -> Iterator[None]:
        """The devices that come with the order to run a program, behind its standard streams; closed afterwards."""
        lent = dict(zip(record.get("labels", ()), descriptors[3:], strict=False))
        self.devices |= lent
        try:
            yield
        finally:
            for label, descriptor in lent.items():
                del self.devices[label]
                os.close(descriptor)

    def program(self, record: dict[str, Any]) -> tuple[str, Birth]:
        """The name and the birth of a demand app, with the arguments and devices of the order.  LookupError."""
        birth = self.boot.templates[record["app"]]
        part = birth.parts[0]
        part = msgspec.structs.replace(part, devices={**part.devices, **record.get("devices", {})})
        self._programs += 1
        arguments = tuple(record.get("arguments", ()))
        return f"{record['app']}-{self._programs}", msgspec.structs.replace(birth, parts=(part,), arguments=arguments)

    def row(self, name: str, kind: str, instances: list[str], pid: int, incarnation: int = 1) -> dict[str, Any]:
        """What a domain is doing, for `ps`; with `links`, what its links with `count` have counted."""
        page = self.pages.get(name)
        shown: dict[str, Any] = {"state": "outside"} if page is None else dict(page.read())
        if page is not None and (links := page.rows()):
            shown["links"] = links
        who = {"domain": name, "kind": kind, "instances": instances, "pid": pid, "incarnation": incarnation}
        self.metering.add_to(row := {**who, **shown})
        return row

    @staticmethod
    def drop(link: dict[str, int]) -> None:
        """Close the descriptors of a link's other end, which have been handed over."""
        for descriptor in link.values():
            os.close(descriptor)

    @staticmethod
    def spent(descriptors: tuple[int, ...]) -> None:
        """Close the standard streams of a domain that was started."""
        for descriptor in descriptors[:3]:
            os.close(descriptor)


def fit(rows: list[dict[str, Any]]) -> None:
    """Leave out the counts of the domains that have the most, until they fit."""
    while sum(len(row.get("links", ())) for row in rows) > MOST_ROWS:
        del max(rows, key=lambda row: len(row.get("links", ())))["links"]


def main(number: int, zygote: Zygote | None) -> int:
    """The process: take the boot record, become the root that it names, report a fault."""
    from microlith.kinds import ROOTS, resolve, walk

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the launcher's, which stops us in order
    control = socket.socket(fileno=number)
    record, devices = parcel.receive(control)
    boot = msgspec.convert(record, Boot)
    if boot.root.cores:
        os.sched_setaffinity(0, boot.root.cores)
    sys.path += [p for p in boot.root.path if p not in sys.path]
    root = Root(control, boot, devices, zygote)
    if boot.root.walked:
        walk(root.walk_file(boot.root.domain), boot.root.domain)
    try:
        status: int = resolve(ROOTS[boot.program])(root)
        return status
    except UsageError as error:
        root.event("refused", text=str(error))
        return REFUSED
    except BaseException as fault:  # noqa: BLE001 - the outermost frame: an epitaph, then death
        traceback.print_exc()
        root.event("epitaph", text="".join(traceback.format_exception_only(fault)).strip())
        return FAULT
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
