"""The one table of dotted names: architectures, roots and commands, resolved when they are used.

The ground imports no architecture's insides; whoever adds one adds a line here.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microlith.interface.status import UsageError

if TYPE_CHECKING:  # `microlith --help` reads this table and nothing below it
    from microlith.plan.plan import Plan
    from microlith.system.system import System

#: Architectures: pure functions from a system to a plan.
ARCHITECTURES = {
    "library": "monolith.plans:library",
    "monolith": "monolith.plans:monolith",
    "mach": "microkernel.plans:mach",
    "mach25": "microkernel.plans:mach25",
    "hybrid": "microkernel.plans:hybrid",
    "l4": "microkernel.plans:l4",
}

#: The same domains as `mach` and `l4` have, with every path and every transport, to tell their costs apart.  They
#: are architectures like the others, but no history: `compare` takes them only when they are named.
VARIANTS = {
    "kernel-zmq": "microkernel.plans:mach",
    "kernel-socket": "microkernel.plans:kernel_socket",
    "kernel-shared": "microkernel.plans:kernel_shared",
    "peer-zmq": "microkernel.plans:peer_zmq",
    "peer-socket": "microkernel.plans:peer_socket",
    "peer-shared": "microkernel.plans:l4",
}

#: Programs of root domains, by what the root is (see `root_of`).
ROOTS = {
    "library": "monolith.library:run",
    "monolith": "monolith.kernel:run",
    "broker": "microkernel.start:run",
}

#: Commands of `microlith`, in the order of its help.
COMMANDS = {
    "launch": "microlith.command.launch:launch",
    "ps": "microlith.command.ps:ps",
    "call": "microlith.command.call:call",
    "run": "microlith.command.run:run",
    "logs": "microlith.command.logs:logs",
    "kill": "microlith.command.kill:kill",
    "stop": "microlith.command.stop:stop",
    "replay": "microlith.command.replay:replay",
    "plan": "microlith.command.plan:plan",
    "new": "microlith.command.new:new",
    "schema": "microlith.command.schema:schema",
    "walk": "microlith.command.walk:walk",
    "compare": "microlith.command.compare:compare",
    "doctor": "microlith.command.doctor:doctor",
    "completion": "microlith.command.completion:completion",
}

#: What replays a microkernel's record: path -> (steps, what differed first or None).
REPLAY = "microkernel.replay:replay"

#: What has a domain of a machine that is walked note what it does: (descriptor of its file, its name).
WALKED = "microkernel.walked:install"

#: How a domain that hangs on a kernel reaches it: (frame, birth, descriptors) -> connection.
TRANSPORTS = {
    "socket": "microlith.frame.stream:connect",
    "zmq": "microkernel.dealer:connect",
    "shared": "microkernel.channel_connection:connect",
    "kernel-socket": "microkernel.carriers.socket_connection:connect",
    "kernel-shared": "microkernel.carriers.ring_connection:connect",
    "peer-shared": "microkernel.links.over_shared:connect",
    "peer-socket": "microkernel.links.over_socket:connect",
    "peer-zmq": "microkernel.links.over_zmq:connect",
}

#: How a domain with servers in it serves a client on a peer link: (frame, holders, name, quota, spins) -> our end
#: of a new link, and the descriptors of the client's end by label.
ACCEPTORS = {
    "socket": "microlith.frame.socket_peer:accept",
    "shared": "microkernel.channels:accept",
}


def resolve(dotted: str) -> Any:
    """The object behind `package.module:name`.  ImportError or AttributeError if it is not there."""
    module, _, name = dotted.partition(":")
    return getattr(importlib.import_module(module), name)


def architecture(name: str) -> "Callable[[System], Plan]":
    """The architecture of that name, or a usage error that lists them."""
    known = {**ARCHITECTURES, **VARIANTS}
    if name not in known:
        raise UsageError(f"no architecture is called {name!r}; there are {', '.join(ARCHITECTURES)}")
    found: Callable[[System], Plan] = resolve(known[name])
    return found


def transport(name: str) -> Callable[..., Any]:
    """What makes the connection of a transport."""
    found: Callable[..., Any] = resolve(TRANSPORTS[name])
    return found


def acceptor(name: str) -> Callable[..., Any]:
    """What makes a new peer link of a transport, from the server's side."""
    found: Callable[..., Any] = resolve(ACCEPTORS[name])
    return found


def walk(descriptor: int, domain: str) -> None:
    """Have this process note what it does: see microlith/process/walked.py."""
    resolve(WALKED)(descriptor, domain)


def root_of(plan: "Plan") -> str:
    """Which program realises the root domain of a plan: a key of ROOTS."""
    if plan.root.kind == "process":
        return "library"
    links = (*plan.links, *(link for template in plan.templates for link in template.links))
    through_kernel = not plan.root.instances or any(link.path == "kernel" for link in links)
    return "broker" if through_kernel else "monolith"
