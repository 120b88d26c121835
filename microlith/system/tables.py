"""The reserved tables of a system file, as data: check and JSON Schema read the same table.

What stands here is what a machine honours or says that it cannot; a key that nothing would read is an
error, not decoration.
"""

from dataclasses import dataclass
from typing import Any

POLICIES = ("permanent", "transient", "temporary")
PLACEMENTS = ("same-core", "spread", "free")
MODES = ("r", "rw", "create")
STARTS = ("boot", "demand")


@dataclass(frozen=True)
class Key:
    """A key of a reserved table: its JSON type, limits, and what it means."""

    name: str
    type: str  # boolean, integer, number, string, array (of strings)
    meaning: str
    minimum: float = 0
    choices: tuple[str, ...] = ()


TABLES: dict[str, tuple[Key, ...]] = {
    "confine": (
        Key("none", "boolean", "No confinement at all: to find an error, or to measure what confinement costs."),
        Key("identity", "boolean", "A user id of its own, where the launcher may give one."),
        Key("network", "boolean", "May it use the host's network? Without this it may not."),
        Key("files", "array", "Host paths that it may read, besides its devices and its own program text."),
    ),
    "quota": (
        Key("calls", "integer", "Calls that it may have open at a time.", 1),
        Key("rights", "integer", "Rights that it may hold.", 1),
        Key("queue", "integer", "Requests that may wait for it; the next one is answered Busy.", 1),
        Key("memory_mib", "integer", "Address space in MiB.", 1),
        Key("descriptors", "integer", "File descriptors that it may have open.", 16),
    ),
    "restart": (
        Key(
            "policy",
            "string",
            "permanent: always restarted; transient: after a fault; temporary: never.",
            choices=POLICIES,
        ),
        Key("intensity", "integer", "Deaths within the period after which it is given up."),
        Key("period_s", "number", "The period in seconds.", 0.001),
    ),
    "start": (
        Key("fresh", "boolean", "A fresh interpreter instead of a fork of the zygote: its libraries start threads."),
    ),
}

MEANINGS = {
    "confine": "What it may reach on the host besides its capabilities and devices.",
    "quota": "How much of the machine it may hold.",
    "restart": "What happens when it dies.",
    "start": "How its process begins.",
}

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list, tuple),
}
_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "array": "a list of strings",
}


def why_not(key: Key, value: Any) -> str | None:
    """What a value of this key would have to be, or None if it is that."""
    words = _WORDS[key.type]
    if type(value) not in _TYPES[key.type] or (key.type == "array" and not all(type(item) is str for item in value)):
        return words
    if key.choices and value not in key.choices:
        return "one of " + ", ".join(key.choices)
    if key.type in ("integer", "number") and not key.minimum <= value < 2**63:
        return f"{words} from {key.minimum} on" if value < key.minimum else f"{words} below 2**63"
    return None
