"""Real walks: every architecture, the same call."""

import pytest

from bench.walk.chain import Chain
from bench.walk.events import read
from bench.walk.walking import Errand, slots_of, subject_of, walk
from microlith import kinds
from microlith.command.call import parse
from microlith.interface.interface import interface_of
from microlith.interface.status import UsageError
from microlith.process.walked import CAPACITY, SIZE, TAKEN, Recorder
from microlith.system.system import System
from microlith.system.systemfile import load
from servers.filedisk import FileDisk
from servers.filesystem import FileSystem
from servers.minix.files import MinixFiles
from servers.names import NameTable


@pytest.fixture(scope="module")
def system():
    return (
        System("walked")
        .device("hd0", "file", "{run}/hd0.img", "create", 1 << 20)
        .server("disk", FileDisk, image="hd0")
        .server("files", MinixFiles, disk="disk")
        .server("names", NameTable)
    )


def chain(system, *words):
    slots = {name: interface_of(part.cls) for name, part in system.servers.items()}
    server, steps = parse(words[0], list(words[1:]), slots, system.name)
    return Chain(server, slots[server], tuple(steps))


def errand(system, *words, before=(), cold=False):
    return Errand(" ".join(words), chain(system, *words), tuple(chain(system, *one) for one in before), cold)


def lanes(found):
    return [(lane.name, lane.kernel) for lane in found.lanes]


CREATED = ("files.create", "/f", ".write", "0", "hello")
EXPECTED = {  # lanes of a read that finds its block cached; crossings, kernel visits, IPCs, traps
    "library": (["app", "files"], (0, 0, 0, 0)),
    "monolith": (["app", "files"], (2, 1, 0, 1)),
    "mach": (["app", "kernel", "files"], (4, 2, 2, 0)),
    "mach25": (["app", "kernel", "files"], (4, 2, 2, 0)),
    "hybrid": (["app", "files"], (2, 0, 2, 0)),
    "l4": (["app", "files"], (2, 0, 2, 0)),
}


@pytest.mark.parametrize("name", kinds.ARCHITECTURES)
def test_walk_of_a_cached_read(system, name):
    with subject_of(system, call := errand(system, "files.open", "/f", ".read", "0", "5", before=[CREATED])) as subject:
        found = walk(subject, call, name)
    names, counts = EXPECTED[name]
    assert [lane.name for lane in found.lanes] == names
    own = found.counts
    assert (own.crossings, own.kernel_visits, own.ipcs, own.traps) == counts
    assert found.agrees, found.pages
    assert found.total > 0
    assert found.walked > 1
    assert found.timed[0] > 0
    assert own.payload >= (5 if counts[0] else 0)
    times = [time for leg in found.legs for time in (leg.start, leg.end)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= found.total


@pytest.mark.parametrize(
    ("name", "names", "direct"),
    [
        ("library", ["app", "files", "disk"], 2),
        ("monolith", ["app", "files", "disk"], 1),
        ("l4", ["app", "files", "disk"], 0),
        ("mach25", ["app", "kernel", "files", "disk"], 0),
    ],
)
def test_walk_of_a_call_that_needs_another_server(system, name, names, direct):
    with subject_of(system, call := errand(system, "files.create", "/g", ".sync")) as subject:
        found = walk(subject, call, name)
    assert {lane.name for lane in found.lanes} == set(names)
    assert found.counts.direct_calls == direct
    assert found.agrees, found.pages
    assert {leg.what for leg in found.legs} >= {"File.sync", "BlockDevice.flush"}


def test_walk_of_a_call_that_answers_a_status_says_which(system):
    with subject_of(system, call := errand(system, "files.stat", "/nothing")) as subject:
        with pytest.raises(UsageError, match=r"FileSystem\.stat answered NotFound"):
            walk(subject, call, "library")


def test_walk_of_a_call_that_is_not_idempotent_is_made_once(system):
    with subject_of(system, call := errand(system, "files.mkdir", "/d")) as subject:
        found = walk(subject, call, "mach")
    assert (found.walked, found.warm, found.timed[1]) == (1, False, 1)
    assert found.agrees


def test_walk_passes_a_capability_by_the_name_of_its_server(system):
    call = errand(system, "names.lookup", "x", before=[("names.rebind", "x", "files", "")])
    assert slots_of(call) == ["names", "files"]
    with subject_of(system, call) as subject:
        assert walk(subject, call, "library").lanes[-1].name == "names"


def test_nothing_is_noted_unless_the_machine_is_walked(system):
    from microlith.launch.boot import boot

    with boot(system, "mach") as machine:
        assert not (machine.run_dir / "walk").exists()
    with boot(system, "mach", walked=True) as machine:
        assert {file.name for file in (machine.run_dir / "walk").iterdir()} == {"kernel", "disk", "files", "names"}


def test_read_gives_back_what_was_noted(tmp_path):
    path = tmp_path / "domain"
    path.write_bytes(bytes(SIZE))
    with open(path, "r+b") as file:
        recorder = Recorder(file.fileno())
    recorder.note(TAKEN, "call", "kernel app", 48, 40, at=7)
    recorder.note(TAKEN, "reply", "kernel app", 50, 50, at=9)
    data = path.read_bytes()
    assert [(e.at, e.name, e.link, e.size, e.payload) for e in read("d", data, 0)] == [
        (7, "call", "kernel app", 48, 40),
        (9, "reply", "kernel app", 50, 50),
    ]
    assert len(read("d", data, 8)) == 1


def test_read_of_more_than_is_kept_is_refused(tmp_path):
    from bench.walk.events import Overrun

    path = tmp_path / "domain"
    path.write_bytes(bytes(SIZE))
    with open(path, "r+b") as file:
        recorder = Recorder(file.fileno())
    for number in range(CAPACITY + 10):
        recorder.note(TAKEN, at=number + 1)
    assert read("d", path.read_bytes(), CAPACITY)[-1].at == CAPACITY + 10
    with pytest.raises(Overrun):
        read("d", path.read_bytes(), 0)


def test_slots_of_more_servers_than_a_walk_takes_are_refused():
    many = System("many")
    for number in range(9):
        many = many.server(f"names{number}", NameTable)
    given = [chain(many, f"names{number}.lookup", "x") for number in range(9)]
    with pytest.raises(UsageError, match="8 servers"):
        slots_of(Errand("", given[0], tuple(given[1:])))
    assert FileSystem is interface_of(load("unix").servers["files"].cls)
