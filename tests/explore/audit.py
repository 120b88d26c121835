"""What must hold inside the core in every state: its indexes and counts say what its tables say, and no more."""

from collections import Counter

from spec import TABLES, Violation

LIVE, SUSPENDED = 0, 1
GONE = 3


def groups(pairs):
    found = {}
    for place, one in pairs:
        found.setdefault(place, set()).add(one)
    return found


def same(name, indexed, recounted):
    if indexed != recounted:
        raise Violation(TABLES, f"{name}: {indexed}, but {recounted} by the tables")


def as_sets(table):
    for place, ones in table.items():
        if not ones or len(set(ones)) != len(ones):
            raise Violation(TABLES, f"{place}: {ones}")
    return {place: set(ones) for place, ones in table.items()}


def audit(core, spec):
    """Compare the core's tables with each other and with the specification's state."""
    rights, calls, messages = core.rights, core.calls, core.messages
    if rights or core.children or core.holders or core.suspended:
        objects = [((r.port, r.object), key, r.state) for key, r in rights.items() if r.object]
        same("holders", as_sets(core.holders), groups((ref, key) for ref, key, state in objects if state == LIVE))
        same(
            "suspended",
            as_sets(core.suspended),
            groups((ref, key) for ref, key, state in objects if state == SUSPENDED),
        )
        same("children", as_sets(core.children), groups((r.parent, key) for key, r in rights.items() if r.parent))
        same("parents", {r.parent for r in rights.values() if r.parent} - rights.keys(), set())
    if calls or messages or core.queues or core.ids:
        same("queues", {s for queue in core.queues.values() for s in queue}, set(messages))
        as_sets(core.queues)
        same("messages", {s: calls[s].server for s in messages}, {s: t for t, q in core.queues.items() for s in q})
        same("ids", core.ids, {(c.caller, c.id): s for s, c in calls.items() if c.caller is not None})
    counts(core)
    agreement(core, spec)


def counts(core):
    known = {task for task, one in core.tasks.items() if one.state != GONE}
    held = Counter(task for task, _ in core.rights)
    opened = Counter(c.caller for c in core.calls.values() if c.caller is not None)
    used = Counter(c.server for s, c in core.calls.items() if s not in core.messages and not c.waits)
    same("held", core.held, {task: held[task] for task in known})
    same("opened", core.opened, {task: opened[task] for task in known})
    same("used", core.used, {task: used[task] for task in known})
    soonest = min((c.deadline for c in core.calls.values() if c.deadline > 0), default=core.earliest)
    same("earliest", core.earliest <= soonest, True)


def agreement(core, spec):
    """The core and the specification know the same rights, calls, watches and tasks."""
    same("rights", core.rights.keys(), spec.rights.keys())
    same("watches", {k: told for k, (_, told) in core.watches.items()}, spec.watch)
    same("ids", core.ids.keys(), spec.calls.keys())
    same("calls", len(core.calls), len(spec.calls) + len(spec.zombies))
    same("tasks", core.tasks.keys(), spec.tasks.keys())
    same("handles", core.next_handle, spec.fresh)
    same("lost", core.lost, spec.lost)
    same("unmasked", {line for line, (_, masked) in core.lines.items() if not masked}, spec.unmasked)
