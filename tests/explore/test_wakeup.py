"""The wake-up protocol: no wake-up is lost in any run of the small systems, and each change of it is found out.

The counts are a guard, as in `test_exploration.py`.  A change is (old text, new text) of `wakeup.py`, where the
old text occurs exactly once; the changed protocol is made from memory, no file is touched.
"""

from pathlib import Path
from types import ModuleType

import pytest
import wakeup
from tso import Machine, Violation

TEXT = Path(wakeup.__file__).read_text()
PAGE = Path(__file__).parents[2] / "docs" / "wakeup.md"


def changed(*changes):
    """The protocol with these changes."""
    text = TEXT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    module = ModuleType("changed_wakeup")
    exec(compile(text, "changed_wakeup", "exec"), module.__dict__)
    return module


def programs(protocol, scripts, below=None):
    """Clients with these scripts, their server, and perhaps a server below it."""
    total = sum(map(len, scripts.values()))
    found = {name: lambda name=name: protocol.client(name, "server", scripts[name]) for name in scripts}
    found["server"] = lambda: protocol.server("server", tuple(scripts), total, below)
    if below:
        found[below] = lambda: protocol.server(below, ("server",), total)
    return found


#: scripts (c: a call, n: a notification), a server below; states, transitions
SYSTEMS = [
    ({"app": "n"}, None, 117, 226),
    ({"app": "c"}, None, 708, 1_564),
    ({"app": "ccc"}, None, 7_863, 19_786),
    ({"app": "nn"}, None, 808, 1_984),
    ({"app": "ncn"}, None, 3_428, 8_538),
    ({"a": "n", "b": "n"}, None, 4_704, 14_317),
    ({"a": "c", "b": "n"}, None, 33_657, 115_644),
    ({"a": "cn", "b": "n"}, None, 68_771, 232_839),
    ({"a": "c", "b": "c"}, None, 195_387, 702_382),
    ({"app": "c"}, "disk", 24_936, 78_532),
]


def name(system):
    scripts, below, *_ = system
    return " ".join(f"{client}={script}" for client, script in scripts.items()) + (f" {below}" if below else "")


@pytest.mark.parametrize("system", SYSTEMS, ids=name)
def test_every_run_ends_with_every_message_taken_once(system):
    scripts, below, states, transitions = system
    result = Machine(programs(wakeup, scripts, below)).explore()
    assert (result.states, result.transitions) == (states, transitions)
    for client, script in scripts.items():
        assert result.wakes[client] <= script.count("c")
    total = sum(map(len, scripts.values()))
    assert result.wakes["server"] <= total * (2 if below else 1)
    assert result.wakes.get(below, 0) <= total


WITHOUT_BARRIER = ("        yield from membarrier(senders)\n", "")
FENCED_SENDER = (
    '    if (yield load(f"{to}.status")) == ASLEEP:',
    '    yield fence()\n    if (yield load(f"{to}.status")) == ASLEEP:',
)
FENCE_INSTEAD = ("yield from membarrier(senders)", "yield fence()")
ALWAYS_RUNG = ('    if (yield load(f"{to}.status")) == ASLEEP:', "    if True:")
NEVER_SPINS = ("SPINS = 1", "SPINS = 0")
SPINS_UNBOUNDED = ("for _ in range(SPINS):", "while True:")

#: variants that are right: changes, how the machine is
RIGHT = {
    "it never spins": ([NEVER_SPINS], {}),
    "every message rings, and a ring is a fence": ([NEVER_SPINS, ALWAYS_RUNG, WITHOUT_BARRIER], {"fenced_calls": True}),
    "it spins twice": ([("SPINS = 1", "SPINS = 2")], {}),
    "a ring is a fence": ([], {"fenced_calls": True}),
    "a fence on either side": ([FENCE_INSTEAD, FENCED_SENDER], {}),
    "without a barrier, sequentially consistent": ([WITHOUT_BARRIER], {"buffered": False}),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("script", ["n", "c", "cc", "nn", "ncn"])
def test_variant_is_right(name, script):
    changes, kind = RIGHT[name]
    Machine(programs(changed(*changes), {"app": script}), **kind).explore()


SLEEP = '        yield store(f"{me}.status", ASLEEP)\n'
RECHECK = "yield from membarrier(senders)\n        found = yield from look(me, senders, taken)\n"
WAIT = '        yield wait(f">{me}.bell")\n'
PAYLOAD = '    yield store(f"{me}>{to}.slot{n % SLOTS}", message)\n'
PUBLISH = '    yield store(f"{me}>{to}.seq", n)\n'
ASK = '    if (yield load(f"{to}.status")) == ASLEEP:\n'
ONE, TWO = {"app": "n"}, {"a": "n", "b": "n"}
LOST, TORN = "blocked for ever: server", "server takes 0 from app, not 1"

#: variants that are wrong: changes, a system that shows it, what is said
WRONG = {
    "no barrier": ([WITHOUT_BARRIER], ONE, LOST),
    "a fence of its own instead": ([FENCE_INSTEAD], ONE, LOST),
    "a fence of the sender instead": ([WITHOUT_BARRIER, FENCED_SENDER], ONE, LOST),
    "no second look": ([(RECHECK, "yield from membarrier(senders)\n        found = None\n")], ONE, LOST),
    "a second look before the barrier": ([WITHOUT_BARRIER, (WAIT, WITHOUT_BARRIER[0] + WAIT)], ONE, LOST),
    "ASLEEP after the second look": ([(SLEEP, ""), (WAIT, SLEEP + WAIT)], ONE, LOST),
    "the barrier leaves out a sender": ([("membarrier(senders)\n", "membarrier(senders[1:])\n")], TWO, LOST),
    "the barrier is none for its caller": ([("    yield fence()\n    while others:", "    while others:")], ONE, LOST),
    "asked before published": (
        [(PUBLISH + ASK, f'    asleep = (yield load(f"{{to}}.status")) == ASLEEP\n{PUBLISH}    if asleep:\n')],
        ONE,
        LOST,
    ),
    "a sleeping caller says CALLING": (
        [(SLEEP, SLEEP.replace("ASLEEP", "CALLING if caller else ASLEEP"))],
        {"app": "c"},
        "blocked for ever: app",
    ),
    "published before the payload": ([(PAYLOAD + PUBLISH, PUBLISH + PAYLOAD)], ONE, TORN),
    "a slot too few": ([("SLOTS = 2", "SLOTS = 1")], {"app": "nn"}, "server takes -2 from app, not 1"),
    "it spins without end": ([SPINS_UNBOUNDED], ONE, "a circle"),
    "every message rings, and a ring is no fence": ([NEVER_SPINS, ALWAYS_RUNG, WITHOUT_BARRIER], ONE, LOST),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_variant_is_found(name):
    changes, scripts, what = WRONG[name]
    with pytest.raises(Violation) as found:
        Machine(programs(changed(*changes), scripts)).explore()
    assert found.value.what == what
    assert found.value.trace


def test_shortest_loss_without_a_barrier_is_the_one_of_the_page():
    with pytest.raises(Violation) as found:
        Machine(programs(changed(WITHOUT_BARRIER), ONE)).explore()
    steps = [step for _, step in found.value.trace]
    published, asked = steps.index("store app>server.seq = 1"), steps.index("load server.status: 0")
    assert published < asked < steps.index("-> server.status = 2")
    assert steps[-2:] == ["-> app>server.seq = 1", "waits for ever"]
    assert "\n".join(f"    {line}" for line in found.value.table.splitlines()) in PAGE.read_text()


if __name__ == "__main__":
    for scripts, below, *_ in SYSTEMS:
        result = Machine(programs(wakeup, scripts, below)).explore()
        print(scripts, below or "", result.states, result.transitions, result.longest, result.wakes)
    for name, (changes, scripts, _) in WRONG.items():
        try:
            Machine(programs(changed(*changes), scripts)).explore()
        except Violation as violation:
            print(f"\n{name}: {violation}")
