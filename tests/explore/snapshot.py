"""Copies of a core, and its whole state as a value: what exploring it takes, and running it does not.

No table of the core holds a mutable value (microkernel/core/state.py), so a copy of the tables is a copy of it.
"""

BY_SERIAL = ("calls", "ids", "messages", "queues")


def copy_of(core):
    """The same kernel, from here on independent."""
    twin = object.__new__(type(core))
    twin.__dict__.update({name: one.copy() if type(one) is dict else one for name, one in core.__dict__.items()})
    return twin


def key_of(core):
    """The whole state as nested tuples; calls are numbered by age, since only their order matters."""
    age = {serial: n for n, serial in enumerate(sorted(core.calls))}
    plain = [table for name, table in core.__dict__.items() if type(table) is dict and name not in BY_SERIAL]
    return (
        *[tuple(sorted(table.items())) if table else () for table in plain],
        tuple([core.calls[serial] for serial in age]),
        tuple(sorted([(name, age.get(serial, serial)) for name, serial in core.ids.items()])),
        tuple(sorted([(age.get(serial, serial), message) for serial, message in core.messages.items()])),
        tuple(sorted([(s, tuple([age.get(c, c) for c in queue])) for s, queue in core.queues.items()])),
        core.earliest,
    )
