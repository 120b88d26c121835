"""`boot`: a system and an architecture, or a plan, made to run."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from microlith.interface.status import UsageError
from microlith.kinds import architecture as find_architecture
from microlith.kinds import root_of
from microlith.launch import rundir
from microlith.launch.births import births
from microlith.launch.machine import Machine
from microlith.launch.placement import place
from microlith.plan.group import Groups, grouped, planned
from microlith.plan.options import with_options
from microlith.plan.plan import Plan
from microlith.process.parts import open_device
from microlith.system.check import check
from microlith.system.system import System
from microlith.system.systemfile import load


def boot(
    system: System | str | Path,
    architecture: str = "mach",
    *,
    plan: Plan | None = None,
    domains: Groups | None = None,
    links: Mapping[str, Any] | None = None,
    placement: str | None = None,
    checked: bool = False,
    walked: bool = False,
    on_fault: str = "panic",
    record: str | Path = "",
    wait: bool = True,
    news: Callable[[dict[str, Any]], None] | None = None,
) -> Machine:
    """Boot a system: a `System`, the path of a system file, or the name of a ready one.

    `architecture` names a function from system to plan; `plan` overrides it.  `domains` groups servers, such
    as `[["disk", "files"]]`, instead of the system's own `[plan] domains`.  `links` gives links options, as
    `{"files.disk": "count,trace", "*": "check"}` (plan/options.py).  `placement` (launch/placement.py) is used
    instead of the system's own.  `checked` puts an exact type check on every link; `walked` has every domain note
    what it does (process/walked.py).  `on_fault` ("panic" or "oops") is what a monolith does about a fault.
    `record` is a file for the kernel's events (`microlith replay`).  With `wait` it returns when every
    server is ready.  `news` is called, in the launcher's thread, with each event.  Raises UsageError
    before anything starts, MachineDied or TimeoutError after.
    """
    if not isinstance(system, System):
        system = load(system)
    check(system)
    if on_fault not in ("panic", "oops"):
        raise UsageError(f"on_fault is {on_fault!r}; it can be 'panic' or 'oops'")
    try:
        placed = place(placement or system.placement)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if plan is None:
        plan = planned(system, find_architecture(architecture), domains)
    elif domains is not None:
        plan = grouped(plan, domains)
    plan = with_options(plan, links or {}, system)
    root = replace(plan.domains[0], options={**plan.domains[0].options, "on_fault": on_fault})
    plan = replace(plan, domains=(root, *plan.domains[1:]))
    record = str(Path(record).resolve()) if record else ""
    run = rundir.make(system.name)
    try:
        labels, descriptors = _open_devices(system, run)
        options = {"checked": checked, "walked": walked, "record": record}
        ready = births(system, plan, str(run), root_of(plan), labels, placed, **options)
        machine = Machine(ready, descriptors, news)
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise
    try:
        return machine.wait_ready() if wait else machine
    except BaseException:
        machine.destroy()
        raise


def _open_devices(system: System, run: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
    labels: list[str] = []
    descriptors: list[int] = []
    for device in system.devices.values():
        path = device.path.replace("{run}", str(run))
        try:
            opened = open_device(device.kind, path, device.mode, device.size)
        except OSError as error:
            for descriptor in descriptors:
                os.close(descriptor)
            raise UsageError(f"device {device.name}: cannot open {path}: {error.strerror}") from None
        labels += [f"device:{device.name}:{index}" for index in range(len(opened))]
        descriptors += opened
    return tuple(labels), tuple(descriptors)
