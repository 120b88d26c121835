"""Synthetic events of one call, in several architectures; times in nanoseconds from 1000 on."""

from bench.walk.model import Event, Home
from microlith.process.walked import (
    ANSWERED,
    CALLS,
    DIRECT,
    RETURNED,
    SENT,
    SERVED,
    SERVES,
    TAKEN,
    WOKE,
)

BEGIN = 1000


def events(*lines):
    """(time, domain, kind, name, link, size, payload), all but the first three optional."""
    return [Event(BEGIN + at, *rest) for at, *rest in lines]


LIBRARY = {"library": Home(program=True)}
LIBRARY_EVENTS = events(
    (1000, "library", DIRECT, "files File.read"),
    (3000, "library", DIRECT, "disk BlockDevice.read"),
    (8000, "library", RETURNED, "disk BlockDevice.read"),
    (9000, "library", RETURNED, "files File.read"),
)

MONOLITH = {"app-1": Home(program=True), "kernel": Home(kernel=True)}
MONOLITH_EVENTS = events(
    (500, "app-1", CALLS, "File.read"),
    (1000, "app-1", SENT, "call", "c", 32, 8),
    (30000, "kernel", WOKE),
    (31000, "kernel", TAKEN, "call", "c", 32, 8),
    (33000, "kernel", SERVES, "files File.read"),
    (34000, "kernel", DIRECT, "disk BlockDevice.read"),
    (39000, "kernel", RETURNED, "disk BlockDevice.read"),
    (40000, "kernel", SERVED, "files File.read"),
    (41000, "kernel", SENT, "reply", "c", 4112, 4096),
    (60000, "app-1", WOKE),
    (62000, "app-1", TAKEN, "reply", "c", 4112, 4096),
    (62500, "app-1", ANSWERED, "File.read"),
)

MACH = {
    "app-1": Home(program=True),
    "kernel": Home(kernel=True, broker=True),
    "files": Home(),
    "clock": Home(),
}
MACH_EVENTS = events(
    (500, "app-1", CALLS, "File.read"),
    (1000, "app-1", SENT, "call", "a", 48, 8),
    (20000, "kernel", WOKE),
    (21000, "kernel", TAKEN, "call", "a", 48, 8),
    (25000, "kernel", SENT, "call", "f", 48, 8),
    (44000, "clock", WOKE),
    (45000, "files", WOKE),
    (46000, "files", TAKEN, "call", "f", 48, 8),
    (47000, "files", SERVES, "files File.read"),
    (49000, "files", SERVED, "files File.read"),
    (50000, "files", SENT, "reply", "f", 142, 102),
    (70000, "kernel", TAKEN, "reply", "f", 142, 102),
    (75000, "kernel", SENT, "reply", "a", 142, 102),
    (95000, "app-1", WOKE),
    (96000, "app-1", TAKEN, "reply", "a", 142, 102),
    (96500, "app-1", ANSWERED, "File.read"),
    (99000, "files", WOKE),
)

#: A kernel that passes messages on and has a server in it.
HOSTING = {"app-1": Home(program=True), "kernel": Home(kernel=True, broker=True)}
HOSTING_EVENTS = events(
    (1000, "app-1", SENT, "call", "a", 48, 8),
    (21000, "kernel", TAKEN, "call", "a", 48, 8),
    (22000, "kernel", SERVES, "disk BlockDevice.read"),
    (24000, "kernel", SERVED, "disk BlockDevice.read"),
    (25000, "kernel", SENT, "reply", "a", 42, 2),
    (45000, "app-1", TAKEN, "reply", "a", 42, 2),
)
