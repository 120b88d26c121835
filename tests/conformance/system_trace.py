"""The second long trace: every operation of the servers of the operating system, good and bad arguments."""

from microlith.frame.frame import within
from microlith.interface.status import Status
from servers.blockdevice import BlockDevice
from servers.clock import Clock
from servers.console import Console
from servers.filesystem import FileSystem
from servers.log import Level, Log
from servers.names import Names, find, publish
from tests.conformance.tracing import Tracing

MS = 1_000_000


class SystemTrace(Tracing):
    disk: BlockDevice
    files: FileSystem
    clock: Clock
    console: Console
    log: Log
    names: Names

    def main(self, *arguments: str) -> int:
        for chapter in (disk, directories, files, links, names_of_files, limits, clock, console, log, names):
            self.chapter(chapter.__name__)
            chapter(self)
        return 9


def disk(t):
    d = t.disk
    t.ask(d.geometry)
    t.ask(d.read, 0, 0)
    t.ask(d.read, 63, 1)
    t.ask(d.write, 0, b"\x01" * 1024)
    t.ask(d.write, 3, bytes(range(256)) * 12)
    t.ask(d.read, 2, 5)
    t.ask(d.flush)
    for block, count in ((64, 1), (63, 2), (-1, 1), (0, -1), (0, 65), (2**62, 1), (1, 2**62)):
        t.ask(d.read, block, count)
    for block, data in ((0, b"short"), (63, bytes(2048)), (-1, bytes(1024)), (64, b""), (64, bytes(1024))):
        t.ask(d.write, block, data)
    t.ask(d.read, 0, "1")
    t.ask(d.read, 0)


def attributes(stat):
    """What of an inode does not depend on the time."""
    return (stat.kind, stat.mode, stat.links, stat.size, stat.blocks)


def directories(t):
    f = t.files
    t.ask(f.ping)
    t.ask(f.usage)
    t.ask(f.list, b"/")
    for path in (b"/d", b"/d/e", b"/d/e/f"):
        t.ask(f.mkdir, path)
    t.ask(f.mkdir, b"/mode", 0o700)
    t.ask(f.mkdir, b"/mode", mode=0o700)
    t.ask(f.mkdir, b"/no/where")
    t.ask(f.mkdir, b"relative")
    t.ask(f.mkdir, b"")
    t.ask(f.mkdir, b"/bad", 0o10000)
    t.ask(f.mkdir, b"/nul\0")
    t.ask(f.stat, b"/d", mask=attributes)
    t.ask(f.stat, b"/d/e/..", mask=attributes)
    t.ask(f.stat, b"/d//e/.", mask=attributes)
    t.ask(f.rmdir, b"/d")
    t.ask(f.rmdir, b"/d/e/f")
    t.ask(f.rmdir, b"/d/e/f")
    t.ask(f.rmdir, b"/")
    t.ask(f.rmdir, b"/d/.")
    t.ask(f.list, b"/", mask=lambda entries: tuple((e.name, e.kind) for e in entries))
    t.ask(f.list, b"/", 1, 1, mask=lambda entries: tuple((e.name, e.kind) for e in entries))
    t.ask(f.list, b"/", -1, 1)
    t.ask(f.list, b"/", 0, -1)
    t.ask(f.list, b"/", 100, 5)


def files(t):
    f = t.files
    a = t.ask(f.create, b"/a")
    t.ask(a.write, 0, b"hello")
    t.ask(a.write, 10, b"world")
    t.ask(a.read, 0, 100)
    t.ask(a.read, 3, 4)
    t.ask(a.read, 100, 4)
    t.ask(a.read, -1, 4)
    t.ask(a.read, 0, -4)
    t.ask(a.read, 0, 1 << 40)
    t.ask(a.write, -1, b"x")
    t.ask(a.write, 1 << 45, b"x")
    t.ask(a.append, b"!")
    t.ask(a.stat, mask=attributes)
    t.ask(a.truncate, 5)
    t.ask(a.truncate, 8)
    t.ask(a.truncate, -1)
    t.ask(a.truncate, 1 << 45)
    t.ask(a.read, 0, 100)
    t.ask(a.sync)
    t.ask(a.write, 0, "text")
    big = bytes(range(256)) * 1024
    t.ask(a.write, 5000, big)
    t.ask(a.read, 0, 300000)
    t.ask(a.stat, mask=attributes)
    r = t.ask(f.open, b"/a")
    t.ask(r.read, 5000, 16)
    t.ask(r.write, 0, b"x")
    t.ask(r.append, b"x")
    t.ask(r.truncate, 0)
    t.ask(a.close)
    t.ask(a.close)
    t.ask(a.read, 0, 1)
    t.ask(a.write, 0, b"")
    t.ask(a.stat)
    t.ask(a.sync)
    t.ask(r.close)
    d = t.ask(f.open, b"/d")
    t.ask(d.read, 0, 1)
    t.ask(d.stat, mask=attributes)
    t.ask(f.open, b"/d", True)
    t.ask(f.open, b"/none")
    t.ask(f.open, b"/a/b")
    t.ask(f.create, b"/a", 0o600, True)
    t.ask(f.create, b"/d")
    t.ask(f.create, b"/b", 0o600, exclusive=True)
    t.ask(f.stat, b"/b", mask=attributes)
    t.ask(f.chmod, b"/b", 0o4755)
    t.ask(f.chmod, b"/b", 0o10000)
    t.ask(f.chmod, b"/none", 0o644)
    t.ask(f.stat, b"/b", mask=attributes)
    t.ask(f.utime, b"/b", 1234567890)
    t.ask(f.utime, b"/b", -1)
    t.ask(f.utime, b"/b", 1 << 33)
    t.ask(f.stat, b"/b", mask=lambda s: s.modified)
    t.ask(f.sync)
    t.ask(f.open(b"/a").read, 0, 5)  # nobody holds the file but this call


def links(t):
    f = t.files
    t.ask(f.link, b"/a", b"/d/hard")
    t.ask(f.link, b"/a", b"/d/hard")
    t.ask(f.link, b"/d", b"/dir")
    t.ask(f.link, b"/none", b"/x")
    t.ask(f.stat, b"/d/hard", mask=attributes)
    t.ask(f.symlink, b"/a", b"/soft")
    t.ask(f.symlink, b"loop", b"/loop")
    t.ask(f.symlink, b"", b"/empty")
    t.ask(f.symlink, b"x", b"/soft")
    t.ask(f.readlink, b"/soft")
    t.ask(f.readlink, b"/a")
    t.ask(f.stat, b"/soft", mask=attributes)
    t.ask(f.stat, b"/soft", False, mask=attributes)
    t.ask(f.stat, b"/loop")
    t.ask(f.stat, b"/loop", follow=False, mask=attributes)
    t.ask(f.unlink, b"/a")
    t.ask(f.stat, b"/soft")
    t.ask(f.unlink, b"/a")
    t.ask(f.unlink, b"/d")
    held = f.open(b"/d/hard")
    t.ask(f.unlink, b"/d/hard")
    t.ask(held.read, 5000, 8)
    t.ask(held.stat, mask=attributes)
    before = f.usage().free_blocks
    del held
    t.say("blocks come back when the last right goes", f.usage().free_blocks > before)


def names_of_files(t):
    f = t.files
    for old, new in (
        (b"/b", b"/c"), (b"/b", b"/c"), (b"/c", b"/d"), (b"/d", b"/d/e/inside"), (b"/d", b"/moved"), (b"/", b"/x"),
        (b"/moved", b"/c"), (b"/c", b"/moved/c"), (b"/moved/c", b"/moved/c"), (b"/moved/.", b"/y"),
    ):  # fmt: skip
        t.ask(f.rename, old, new)
    t.ask(f.list, b"/moved", mask=lambda entries: tuple((e.name, e.kind) for e in entries))
    t.ask(f.mkdir, b"/" + b"n" * 60)
    t.ask(f.mkdir, b"/" + b"n" * 61)
    t.ask(f.stat, b"/" + b"x/" * 3000)


def limits(t):
    f = t.files
    big = f.create(b"/full")
    written, block = 0, bytes(1 << 20)
    for _ in range(64):
        taken = t.ask(big.write, written, block)
        written += taken or 0
        if taken != len(block):
            break
    t.ask(big.append, b"x" * 5000)
    t.ask(f.mkdir, b"/one-more")
    t.ask(f.usage)
    t.ask(big.close)
    t.ask(f.unlink, b"/full")
    t.ask(f.mkdir, b"/one-more")
    t.ask(f.sync)


def clock(t):
    c = t.clock
    now = c.monotonic()
    t.say("time goes on", c.monotonic() >= now)
    t.say("the hour is of this century", c.time() > 1_600_000_000 * 1_000 * MS)
    t.ask(c.sleep, 0)
    t.ask(c.sleep, -5)
    t.ask(c.sleep_until, 1)
    now = c.monotonic()
    t.ask(c.sleep, 20 * MS)
    t.say("slept", c.monotonic() - now >= 20 * MS)
    with within(0.05):
        t.ask(c.sleep, 60_000 * MS)
    timer = t.ask(c.timer)
    t.ask(timer.set, -1)
    t.ask(timer.set, 1, -1)
    now = c.monotonic()
    timer.set(now + 5 * MS)
    t.ask(timer.wait)
    with within(0.05):
        t.ask(timer.wait)
    t.ask(timer.set, 1, 0)
    t.ask(timer.wait)
    t.ask(timer.close)
    t.ask(timer.wait)
    t.ask(timer.set, 1)
    t.ask(timer.close)
    t.ask(c.sleep, 1.5)


def console(t):
    c = t.console
    t.ask(c.write, b"out\n")
    t.ask(c.write, b"")
    t.ask(c.read_line)
    t.ask(c.read_line, b"prompt> ")
    t.ask(c.read_line)
    t.ask(c.read_line)
    t.ask(c.write, 5)


def log(t):
    g = t.log
    t.ask(g.extent)
    g.record(Level.INFO, "me", "first")
    g.record(Level.ERROR, "me", "second " + "x" * 5000)
    t.poll()
    without_time = lambda records: tuple((r.number, r.level, r.source, r.text) for r in records)  # noqa: E731
    t.ask(g.read, mask=without_time)
    t.ask(g.read, 1, mask=without_time)
    t.ask(g.read, 0, 1, mask=without_time)
    t.ask(g.read, -1)
    t.ask(g.read, 0, -1)
    t.ask(g.follow, 1, mask=without_time)
    t.ask(g.follow, 99, mask=without_time)
    with within(0.05):
        t.ask(g.follow, 2)
    t.ask(g.extent)
    t.ask(g.record, "info", "me", "x")


def names(t):
    n = t.names
    t.ask(n.list)
    publish(n, "clock", t.clock)
    publish(n, "files", t.files)
    t.ask(n.list)
    t.ask(n.list, "c")
    t.ask(n.list, "", "clock")
    t.ask(n.list, "", "", -1)
    found = find(n, "clock", Clock)
    t.say("it is a clock", found.monotonic() > 0)
    t.ask(n.lookup, "nobody")
    t.ask(n.bind, "clock", t.clock, "x")
    t.ask(n.bind, "", t.clock, "x")
    t.ask(n.bind, "x" * 300, t.clock, "x")
    t.ask(n.unbind, "nobody")
    file = t.files.create(b"/named")
    file.write(0, b"by name")
    publish(n, "file", file)
    del file
    from servers.filesystem import File

    t.ask(find(n, "file", File).read, 0, 100)
    try:
        find(n, "file", Clock)
    except Status as error:
        t.say("not a clock", type(error).__name__)
    t.ask(n.unbind, "file")
    t.ask(n.unbind, "clock")
    t.ask(n.rebind, "files", t.clock, "x")
    t.ask(n.lookup, "files", mask=lambda capability: "a capability")  # untyped, where its interface is not known
    t.ask(n.list)
