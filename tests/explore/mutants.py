# ruff: noqa: E501 - one mutant per line reads as a table
"""Small faults in the core, each of which the exploration must find.

A mutant is (name, file, old text, new text, system): the text must occur exactly once.  The mutated
package is loaded beside the real one, under another name and from memory; no file is touched.
"""

import importlib.util
import sys
from pathlib import Path

import microkernel.core

FOLDER = Path(microkernel.core.__file__).parent
MODULES = ("state", "rights", "pending", "calls", "transfer", "lifecycle", "signals", "__init__")

MUTANTS = [
    # rights: what may be sent and what arrives
    ("held caps are not checked", "rights.py", "if (giver, number) not in core.rights:", "if number < 0:", "Rights"),
    ("any port may be minted", "rights.py", "or core.owners.get(port) != giver:", "or number > 99:", "Rights"),
    ("objects below 0 may be minted", "rights.py", "or number < 0 or", "or", "Services"),
    ("a service may have a badge", "rights.py", "(badge and not number)", "(badge < 0)", "Services"),
    ("a service does not come home", "rights.py", "if right.state == LIVE and core", "if right.object and right.state == LIVE and core", "Services"),
    ("the rank of the task is told", "rights.py", "owner.ranks[owner.ports.index(right.port)] if", "owner.rank if", "Services"),
    ("ranks without ports", "lifecycle.py", " or len(ranks) != len(event.ports)", "", "Services"),
    ("a quota off by one", "rights.py", "> core.tasks[receiver].most_rights:", ">= core.quota_rights:", "Rights"),
    ("no quota of rights", "rights.py", "> core.tasks[receiver].most_rights:", "< 0:", "Rights"),
    ("no parent recorded", "rights.py", "right.badge, right.state, (giver, number))", "right.badge, right.state, None)", "Rights"),
    ("a passed right is live again", "rights.py", "right.badge, right.state, (giver", "right.badge, LIVE, (giver", "Rights"),
    ("a stale right comes home", "rights.py", "if right.state == LIVE and core", "if core", "Rights"),
    ("handles are reused", "rights.py", "handle = core.next_handle[task]", "handle = core.held[task] + 1", "Rights"),
    ("children are orphaned", "rights.py", "old.state, right.parent)", "old.state, None)", "Rights"),
    ("only children are revoked", "rights.py", "    for child in found:\n        found +=", "    for child in ():\n        found +=", "Rights"),
    ("a removed right keeps its count", "rights.py", "core.held[key[0]] -= 1", "core.held[key[0]] -= 0", "Rights"),
    ("a watch outlives its handle", "rights.py", "core.watches.pop(key, None)", "core.watches.get(key, None)", "Lives"),
    ("a queued mint does not count", "rights.py", "if not any((port, object) in", "if any([]) or not any((port, -object) in", "Gifts"),
    # pending: windows and queues
    ("a window of one more", "pending.py", "if core.used[server] < core.window and", "if core.used[server] <= core.window and", "Messages"),
    ("a window of one more when pumped", "pending.py", "in core.queues and core.used[server] < core.window", "in core.queues and core.used[server] <= core.window", "Messages"),
    ("delivery before ready", "pending.py", "core.window and core.tasks[server].state == READY:", "core.window:", "Messages"),
    ("last in, first out", "pending.py", "serial = core.queues[server][0]", "serial = core.queues[server][-1]", "Messages"),
    ("a newcomer overtakes", "pending.py", "(*core.queues.get(server, ()), serial)", "(serial, *core.queues.get(server, ()))", "Messages"),
    ("waiting calls fill the window", "pending.py", "    if not call.waits:\n        core.used[call.server] += 1", "    if call.waits is not None:\n        core.used[call.server] += 1", "Messages"),
    ("a finished call keeps its place", "pending.py", "core.used[call.server] -= 1", "core.used[call.server] -= 0", "Messages"),
    ("an answered id stays in use", "pending.py", "core.opened[caller] -= 1", "core.opened[caller] -= 0", "Messages"),
    ("an abandoned call frees its place", "pending.py", "    if call.waits or call.caller is None:", "    if True or call.caller is None:", "Messages"),
    ("a waiting call is abandoned, not forgotten", "pending.py", "    if call.waits or call.caller is None:", "    if call.caller is None:", "Messages"),
    ("nobody hears of a withdrawal", "pending.py", "    out.append(Withdrawn(call.server, serial))\n", "", "Messages"),
    ("a queued call outlives its right", "pending.py", "(giver, message.handle) in gone", "(giver, -message.handle) in gone", "Rights"),
    ("a queued gift outlives its right", "pending.py", "(giver, number) in carried for", "(giver, -number) in carried for", "Rights"),
    ("a queued mint outlives its object", "pending.py", "(mint is not None and mint in", "(mint is None and mint in", "Gifts"),
    ("queued calls through stale rights stay", "pending.py", "if (message.giver, message.handle) in keys:", "if False:", "Rights"),
    ("released although stale", "pending.py", "if right.object and right.state == LIVE]", "if right.object]", "Rights"),
    ("granted handles are not remembered", "pending.py", "call.waits, call.deadline, handles)", "call.waits, call.deadline)", "Gifts"),
    # calls
    ("an id may be in use", "calls.py", "if (task, event.id) in core.ids:", "if (task, -event.id) in core.ids:", "Messages"),
    ("calls to an equal rank", "calls.py", ".rank >= core.tasks[task].rank", ".rank > core.tasks[task].rank", "Gifts"),
    ("no quota of calls", "calls.py", "core.opened[task] >= core.tasks[task].most_calls:", "core.opened[task] > core.tasks[task].most_calls:", "Messages"),
    ("a queue of one more", "calls.py", "())) >= core.tasks[server].most_queued", "())) > core.tasks[server].most_queued", "Messages"),
    ("a crowded call is taken", "calls.py", "full = event.crowded or", "full = type(event) is ev.Forward and event.crowded or", "Gifts"),
    ("a crowded forward is taken", "calls.py", "full = event.crowded or", "full = type(event) is ev.Call and event.crowded or", "Gifts"),
    ("stale rights work", "calls.py", "if right.state == STALE:", "if right.state < 0:", "Rights"),
    ("a gone server takes calls", "calls.py", ".state == GONE:", ".state < 0:", "Messages"),
    ("anybody may reply", "calls.py", "and found.server == task and", "and found.server > 0 and", "Messages"),
    ("a reply to a queued call counts", "calls.py", "and serial not in core.messages else None", "else None", "Messages"),
    ("no delivery after a reply", "calls.py", "    if event.task in core.queues:\n        pump(core, event.task, out)", "", "Messages"),
    ("a late reply is confirmed", "calls.py", "    if held.caller is None:\n        return False", "    if held.caller is None:\n        return True", "Messages"),
    ("a bad reply is confirmed", "calls.py", 'held.id, status))\n        return False', 'held.id, status))\n        return True', "Gifts"),
    ("orphans of a reply are kept", "calls.py", "    if event.caps:\n        release(core, minted(core, event.task, event.caps), out)\n", "", "Rights"),
    ("any call may be forwarded", "calls.py", "if held is None or not held.waits:", "if held is None:", "Messages"),
    ("a forward forgets the deadline", "calls.py", "server, True, held.deadline)", "server, True, 0)", "Gifts"),
    ("a forward ignores a full queue", "calls.py", "_target(core, event)\n    if status or server is None:", "_target(core, event)\n    if status not in ('', 'Busy') or server is None:", "Messages"),
    ("a cancelled call is not answered", "calls.py", '        out.append(ev.Fail(event.task, event.id, "Cancelled"))\n', "", "Messages"),
    ("a deadline one too late", "calls.py", "held.deadline <= event.now", "held.deadline < event.now", "Messages"),
    ("no deadline means now", "calls.py", "and 0 < held.deadline", "and 0 <= held.deadline", "Messages"),
    ("only the first deadline counts", "calls.py", "if 0 < event.deadline < core.earliest and", "if core.earliest == NEVER and event.deadline and", "Gifts"),
    ("the next deadline is lost", "calls.py", "core.earliest = min((", "core.earliest = max((", "Gifts"),
    ("undeliverable leaves rights", "calls.py", "    take_away(core, keys, out)\n", "", "Gifts"),
    ("undeliverable stops the queue", "calls.py", "    take_away(core, keys, out)\n    pump(core, event.task, out)", "    take_away(core, keys, out)", "Messages"),
    # rights taken away
    ("closing nothing", "transfer.py", "take_away(core, [key], out)", "take_away(core, [], out)", "Rights"),
    ("revoking the right itself", "transfer.py", "descendants(core, key), out", "[*descendants(core, key), key], out", "Rights"),
    ("revocation misses what is queued", "transfer.py", ", carried=(key,))", ")", "Rights"),
    ("anybody may destroy", "transfer.py", "if core.owners.get(event.port) == event.task and", "if", "Rights"),
    # lifecycle
    ("a known task is created again", "lifecycle.py", "if wrong or event.task in core.tasks or", "if wrong or", "Messages"),
    ("a port changes hands", "lifecycle.py", "or ports & core.owners.keys() or", "or", "Messages"),
    ("an incarnation is skipped", "lifecycle.py", "event.incarnation != task.incarnation + 1", "event.incarnation <= task.incarnation", "Messages"),
    ("a running task is started", "lifecycle.py", "or task.state != DOWN or", "or", "Messages"),
    ("everything is offered", "lifecycle.py", "if ref[0] in task.ports for key in keys", "if ref[0] or task.ports for key in keys", "Clash"),
    ("adoption while ready", "lifecycle.py", "if task.state != STARTING or event.port not in", "if event.port not in", "Rights"),
    ("adoption of others' objects", "lifecycle.py", "or event.port not in task.ports or", "or", "Clash"),
    ("a vanished object is adopted in silence", "lifecycle.py", "    release(core, [(event.port, event.new)], out)\n", "", "Clash"),
    ("adopted under its old number", "lifecycle.py", "become(core, key, LIVE, event.new)", "become(core, key, LIVE, event.old)", "Rights"),
    ("anybody may rebadge", "lifecycle.py", "if core.owners.get(event.port) != event.task:\n        return\n    for key", "if not event.port:\n        return\n    for key", "Rights"),
    ("a badge is never taken away", "lifecycle.py", "badge=event.badge)", "badge=event.badge or 7)", "Rights"),
    ("one right is rebadged, the others not", "lifecycle.py", "(event.port, event.object), ()):\n        core.rights", "(event.port, event.object), ())[:1]:\n        core.rights", "Rights"),
    ("a queued mint keeps its badge", "lifecycle.py", "if cap[:3] == old else cap", "if cap[:3] < old[:1] else cap", "Gifts"),
    ("ready twice", "lifecycle.py", "    if task.state != STARTING:\n        return\n    core.tasks[event.task] = replace(task, state=READY)", "    core.tasks[event.task] = replace(task, state=READY)", "Lives"),
    ("unadopted rights work", "lifecycle.py", "        wither(core, core.suspended[ref], out)\n    for line", "        pass\n    for line", "Rights"),
    ("ready does not pump", "lifecycle.py", "        out.append(ev.Unmask(line))\n    pump(core, event.task, out)", "        out.append(ev.Unmask(line))", "Messages"),
    ("an old death kills", "lifecycle.py", "task.incarnation != event.incarnation or task.state == GONE", "task.state == GONE", "Lives"),
    ("the dead keep their rights", "lifecycle.py", "if key[0] == event.task], out)", "if key[0] == -event.task], out)", "Rights"),
    ("calls of the dead stay", "lifecycle.py", "if call.caller == dead:", "if call.caller == -dead:", "Messages"),
    ("calls at the dead stay", "lifecycle.py", "or (message is None and at_dead)", "or (message is None and False)", "Messages"),
    ("forwards of the dead stay", "lifecycle.py", "(message is not None and message.giver == dead)", "(message is not None and dead < 0)", "Messages"),
    ("queued calls at the gone stay", "lifecycle.py", "elif at_dead and not event.again:", "elif at_dead and event.task < 0:", "Messages"),
    ("queued calls fail at a restart", "lifecycle.py", "elif at_dead and not event.again:", "elif at_dead:", "Messages"),
    ("objects without a badge wait", "lifecycle.py", "if core.rights[key].badge:", "if key:", "Gifts"),
    ("objects of the gone wait", "lifecycle.py", "    if not again:\n        for ref", "    if not task:\n        for ref", "Rights"),
    ("an older life's object is confused", "lifecycle.py", "        wither(core, core.suspended.get(ref, ()), out)\n", "", "Clash"),
    ("a death is told twice", "lifecycle.py", "if told != event.incarnation:", "if True:", "Lives"),
    ("a watch is for one death", "lifecycle.py", "        if event.again:\n            core.watches[key]", "        if False:\n            core.watches[key]", "Lives"),
    ("lines of the dead are not masked", "lifecycle.py", "core.lines[line] = (event.task, True)", "core.lines[line] = (event.task, core.lines[line][1])", "Lives"),
    ("clients leak", "lifecycle.py", "    if not task.ports:\n        del core.tasks[number]", "", "Messages"),
    # signals
    ("notices to the starting", "signals.py", "if core.tasks[server].state == READY:\n        lost", "if core.tasks[server].state > 0:\n        lost", "Lives"),
    ("lost notices are told twice", "signals.py", "core.lost.pop(right.port, 0)", "core.lost.get(right.port, 0)", "Lives"),
    ("the dropped notice is not counted", "signals.py", "event.lost + 1", "event.lost", "Lives"),
    ("a notice to a dead object", "signals.py", "right is not None and right.state != STALE else", "right is not None else", "Rights"),
    ("a gone server is watched in vain", "signals.py", "server.state == GONE:\n        out", "server.state < 0:\n        out", "Lives"),
    ("watched again and told again", "signals.py", "elif key not in core.watches:", "else:", "Lives"),
    ("attended while masked", "signals.py", "    if not masked:", "    if task:", "Lives"),
    ("a line is not masked", "signals.py", "core.lines[event.line] = (task, True)", "core.lines[event.line] = (task, False)", "Lives"),
    ("anybody acknowledges", "signals.py", "core.lines.get(event.line) == (event.task, True)", "core.lines.get(event.line, (0, 0))[1]", "Lives"),
    ("acknowledged twice", "signals.py", "core.lines.get(event.line) == (event.task, True)", "core.lines.get(event.line, (0, 0))[0] == event.task", "Lives"),
    ("acknowledged before ready", "signals.py", "(event.task, True) and core.tasks[event.task].state == READY", "(event.task, True)", "Lives"),
    # capabilities outside of calls
    ("strangers may offer", "transfer.py", " and _linked(core, event.task, event.to)", "", "Offers"),
    ("servers alone may offer", "transfer.py", "_calls(core, one, other) or _calls(core, other, one)", "_calls(core, other, one)", "Offers"),
    ("an offer to the dead", "transfer.py", " and running(core, event.to)", "", "Offers"),
    ("an offer that does not fit is kept", "transfer.py", "    release(core, minted(core, event.task, event.caps), out)", "    pass", "Offers"),
    ("what is offered is not checked", "transfer.py", " if valid(core, event.task, event.caps) else None", "", "Offers"),
    # the machine
    ("the past may speak", "__init__.py", "task.incarnation == event.incarnation and", "", "Messages"),
    ("the dead may speak", "__init__.py", "event.incarnation and running(self, event.task)", "event.incarnation", "Messages"),
]  # fmt: skip


def mutated(file, old, new):
    """The core with one text replaced: its `Core`."""
    name = "mutant_core"
    for module in list(sys.modules):
        if module == name or module.startswith(name + "."):
            del sys.modules[module]
    for module in MODULES:
        source = (FOLDER / f"{module}.py").read_text()
        if file == f"{module}.py":
            assert source.count(old) == 1, f"{file} has {source.count(old)} times {old!r}"
            source = source.replace(old, new)
        for other in MODULES[:-1]:
            source = source.replace(f"from microkernel.core.{other} import", f"from {name}.{other} import")
        source = source.replace("from microkernel.core import calls,", f"from {name} import calls,")
        source = source.replace("from microkernel.core import calls, events,", f"from {name} import calls, events,")
        load(name, module, source)
    return sys.modules[name].Core


def load(name, module, source):
    """Execute a module's source under the mutant's name; the vocabulary of events stays the real one."""
    if name not in sys.modules:
        package = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader=None, is_package=True))
        sys.modules[name] = package
        sys.modules[f"{name}.events"] = package.events = microkernel.core.events
    full = name if module == "__init__" else f"{name}.{module}"
    if module != "__init__":
        fresh = importlib.util.module_from_spec(importlib.util.spec_from_loader(full, loader=None))
        sys.modules[full] = fresh
        setattr(sys.modules[name], module, fresh)
    exec(compile(source, f"<{full}>", "exec"), sys.modules[full].__dict__)  # our own source
