"""The wake-up protocol of shared-memory channels, as programs of the machine in `tso.py`.

A process has a status word that the others read.  From each process to each partner there are slots,
a sequence word (how many messages were published) and a bell.  Each word has one writer.
`docs/wakeup.md` explains; `test_wakeup.py` changes this text and shows what then goes wrong.
"""

from tso import fence, fence_one_of, load, ring, store, wait

RUNNING, CALLING, ASLEEP = range(3)
SLOTS = 2  # of a ring: no more messages than this are under way
SPINS = 1


def send(me, to, n, message):
    """The fast side, for requests, replies and notifications: no fence, and seldom a system call."""
    yield store(f"{me}>{to}.slot{n % SLOTS}", message)
    yield store(f"{me}>{to}.seq", n)
    if (yield load(f"{to}.status")) == ASLEEP:
        yield ring(f"{me}>{to}.bell")


def receive(me, senders, taken, status=RUNNING, caller=False):
    """The side that waits: spin, then sleep.  Which of the senders has published more than was taken of it.

    `status` is what this process publishes while it is awake.  A `caller` spins only while its server is RUNNING.
    """
    while True:
        for _ in range(SPINS):
            found = yield from look(me, senders, taken)
            if found is not None:
                return found
            if caller and (yield load(f"{senders[0]}.status")) != RUNNING:
                break
        yield store(f"{me}.status", ASLEEP)
        yield from membarrier(senders)
        found = yield from look(me, senders, taken)
        if found is not None:
            yield store(f"{me}.status", status)
            return found
        yield wait(f">{me}.bell")
        yield store(f"{me}.status", status)


def look(me, senders, taken):
    """The number of a sender with news, or None."""
    for number, sender in enumerate(senders):
        if (yield load(f"{sender}>{me}.seq")) != taken[number]:
            return number
    return None


def membarrier(others):
    """membarrier(2): a fence here, and one in each other process at some moment of the call, in any order."""
    yield fence()
    while others:
        passed = yield fence_one_of(others)
        others = tuple(other for other in others if other != passed)


def take(me, sender, n):
    """Message n of a sender, which must be whole and no other."""
    message = yield load(f"{sender}>{me}.slot{n % SLOTS}")
    assert abs(message) == n, f"{me} takes {message} from {sender}, not {n}"
    return message


def call(me, server, n, replies, status=RUNNING):
    """Message n, and the reply to it, after so many others."""
    yield from send(me, server, n, n)
    yield from receive(me, (server,), (replies,), status, caller=True)
    yield from take(me, server, replies + 1)


def client(me, server, script):
    """Sends the script: c is a call; n is a notification, which has a negative number and no reply."""
    for n, kind in enumerate(script, 1):
        if kind == "c":
            yield from call(me, server, n, script[: n - 1].count("c"))
        else:
            yield from send(me, server, n, -n)


def server(me, clients, messages, below=None):
    """Takes so many messages, one at a time, and answers the calls; each may need a call to `below`."""
    taken = replied = (0,) * len(clients)
    while sum(taken) < messages:
        at = yield from receive(me, clients, taken)
        taken = counted(taken, at)
        message = yield from take(me, clients[at], taken[at])
        if below:
            yield store(f"{me}.status", CALLING)
            yield from call(me, below, sum(taken), sum(taken) - 1, CALLING)
            yield store(f"{me}.status", RUNNING)
        if message > 0:
            replied = counted(replied, at)
            yield from send(me, clients[at], replied[at], replied[at])


def counted(counts, at):
    return tuple(count + (number == at) for number, count in enumerate(counts))
