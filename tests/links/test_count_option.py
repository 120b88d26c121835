"""`count`: exact numbers for each operation of a link, on the pages of its clients; those of the comparison."""

import itertools
import os

import msgspec
import pytest

from bench.counting import EXACT, counts_between
from bench.driver import working
from bench.workload import Workload
from microkernel.channel import ANSWER, REQUEST
from microlith import System, boot
from microlith.frame.page import COUNTS, ROWS, SIZE, TABLE, Page
from microlith.frame.wire import HEADER
from microlith.process import parcel
from microlith.process.metering import Metering
from microlith.process.root import fit
from servers.filedisk import FileDisk
from servers.minix.files import MinixFiles
from tests.links.machines import ARCHITECTURES, counting, system

WORDS = ("received", "sent", "bytes_in", "bytes_out")
OPERATIONS = ("null_call", "stat", "read_4k", "write_4k", "read_4k_uncached", "create_write_sync")


def total(state):
    """The sums over all counted links."""
    rows = [row for domain in state["domains"] for row in domain.get("links", {}).values()]
    return {word: sum(row[word] for row in rows) for word in EXACT}


def files_on_a_disk(image):
    with open(image, "wb") as file:
        file.truncate(4 << 20)
    made = System("files").device("image", "file", str(image), "rw").server("disk", FileDisk, image="image")
    made = made.server("files", MinixFiles, disk="disk", cache_blocks=64)
    return made.app("workload", Workload, on_boot=False, files="files")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sum_over_all_links_is_what_the_domains_count(architecture, tmp_path):
    made = files_on_a_disk(tmp_path / "image")
    with boot(made, architecture, links={"*": "count"}) as machine, working(machine, "workload") as client:
        client.ask(do="prepare", directory="/x", cold=4)
        client.ask(do="measure", operation="create_write_sync", n=30)  # pushes the cold files out of the cache
        client.ask(do="open_cold", directory="/x", cold=4)
        client.ask(do="measure", operation="read_4k", n=1)
        disk = calls(machine.state(), "files.disk.read")
        for operation in OPERATIONS:
            before = machine.state()
            client.ask(do="measure", operation=operation, n=1)
            after = machine.state()
            old, new = total(before), total(after)
            assert {word: new[word] - old[word] for word in EXACT} == counts_between(before, after), operation
            reads = calls(after, "files.disk.read")
            assert (reads > disk) == (operation == "read_4k_uncached")
            disk = reads


def calls(state, name):
    return sum(domain.get("links", {}).get(name, {"calls": 0})["calls"] for domain in state["domains"])


CALLS = {
    "asker.echo.data": (1, 0),
    "asker.echo.refuse": (1, 1),
    "asker.maker.make": (1, 0),
    "asker.maker.Thing.value": (1, 0),
    "asker.sink.note": (1, 0),
    "asker.sink.notes": (1, 0),
    "asker.front.at_once": (1, 0),
    "front.waiter.at_once": (1, 0),
}


#: of a call of the program: crossings, visits of the kernel, copies of its bytes
COSTS = {
    "library": (0, 0, 0),
    "monolith": (2, 1, 2),
    "mach": (4, 2, 4),
    "mach25": (4, 2, 4),
    "hybrid": (4, 2, 4),
    "l4": (2, 0, 2),
}
IN_SLOTS = ("monolith", "l4")


@pytest.fixture(params=ARCHITECTURES)
def counted(request):
    """On one core, where nobody can answer before the other sleeps."""
    return request.param, counting(request.param, "one_of_each", {"*": "count"}, "same-core")


def test_every_operation_has_its_row(counted):
    _, rows = counted
    assert {name: (row["calls"], row["statuses"]) for name, row in rows.items()} == CALLS
    assert all(tuple(row) == COUNTS for row in rows.values())


def test_messages_crossings_and_bytes_are_those_of_the_path(counted):
    """A call over a peer link crosses twice, through the kernel four times; a one-way message half of it."""
    architecture, rows = counted
    crossings, visits, copies = COSTS[architecture]
    call, notice = rows["asker.echo.data"], rows["asker.sink.note"]
    assert (call["messages"], call["crossings"], call["kernel_visits"]) == (min(2, crossings), crossings, visits)
    one_way = (min(1, crossings), crossings // 2, min(1, visits))
    assert (notice["messages"], notice["crossings"], notice["kernel_visits"]) == one_way
    headers = REQUEST.size + ANSWER.size if architecture in IN_SLOTS else 2 * HEADER.size
    assert call["bytes_copied"] == copies * (headers + 2 * 1000 + 2 * len(b"\x91\xc0"))
    assert notice["bytes_copied"] == copies * (HEADER.size + len(b"\x91\x01"))


def test_forwarded_call_is_one_message_of_the_link_that_it_goes_on_by(counted):
    architecture, rows = counted
    forwarded = rows["front.waiter.at_once"]
    through_kernel, past_it, direct = (1, 2), (2, 2), (0, 0)  # past it the answer comes back by the same link
    costs = {"mach": through_kernel, "hybrid": through_kernel, "l4": past_it}
    assert (forwarded["messages"], forwarded["crossings"]) == costs.get(architecture, direct)


def test_system_calls_are_counted_where_our_own_code_makes_them(counted):
    """Over a channel a call rings the server's bell, or sleeps, or both; a notice may ring."""
    architecture, rows = counted
    call, notice = (rows[name]["system_calls"] for name in ("asker.echo.data", "asker.sink.note"))
    if architecture in IN_SLOTS:
        assert call >= 1
        assert notice <= 1
    else:
        assert (call, notice) == (0, 0)


def test_attached_process_reads_its_own_counts():
    with boot(system(), "library", links={"operator.echo": "count"}) as machine:
        operator = machine.connect("operator")
        assert operator.echo.integer(1) == 1
        counts = operator.counts()["operator.echo.integer"]
        assert counts == {
            "calls": 1, "statuses": 0, "messages": 2, "crossings": 2, "kernel_visits": 0,
            "bytes_copied": 2 * (2 * HEADER.size + 4), "wake_ups": counts["wake_ups"], "system_calls": 2,
        }  # fmt: skip


def domain(state, name):
    return next(row for row in state["domains"] if row["domain"] == name)


@pytest.mark.parametrize("architecture", ["mach", "l4"])
def test_counts_go_on_after_a_restart(architecture):
    """Those of the link, and those of the domains at both of its ends."""
    with boot(system(), architecture, links={"front.echo": "count"}) as machine:
        front = machine.connect("front")
        front.refuse(0)
        before = machine.state()
        machine.kill("front")
        front.refuse(0)  # an idempotent call is repeated
        after = machine.state()
        assert calls(after, "front.echo.refuse") == 2
        for name, sent, received in (("front", 2, 2), ("echo", 1, 1)):  # an answer and a question; an answer
            old, new = domain(before, name), domain(after, name)
            assert old["sent"] >= sent and old["received"] >= received
            assert new["sent"] >= old["sent"] + sent and new["received"] >= old["received"] + received


@pytest.mark.parametrize("architecture", ["monolith", "l4"])
def test_counts_of_servers_go_on_after_a_program_has_ended(architecture):
    """What went through the slot of its channel stays in the row of the domain that served it."""
    serving = "kernel" if architecture == "monolith" else "echo"
    with boot(system(), architecture) as machine:
        found = [domain(machine.state(), serving)]
        for _ in range(2):
            assert machine.run("asker", "refuse").wait(20) == 0
            found.append(domain(machine.state(), serving))
    grown = [{word: b[word] - a[word] for word in WORDS} for a, b in itertools.pairwise(found)]
    assert grown[0] == grown[1]
    assert grown[0]["received"] == grown[0]["sent"] == 6
    assert grown[0]["bytes_in"] >= 6 * REQUEST.size and grown[0]["bytes_out"] >= 6 * ANSWER.size


def test_counts_of_a_hostile_domain_are_cut():
    """Whatever the words of a channel say, its domains' rows can be sent."""
    metering = Metering()
    meter = metering.open("client", "server", lambda: (2**64 - 1, 2**200, 2**64, 5))
    rows = [{"domain": name, "sent": 1, "received": 1, "bytes_in": 1, "bytes_out": 1} for name in ("client", "server")]
    for row in rows:
        metering.add_to(row)
    metering.close(meter)
    msgspec.msgpack.encode(rows)
    assert rows[1] == {"domain": "server", "received": 0, "bytes_in": 1, "sent": 1, "bytes_out": 6}


def test_link_without_count_has_no_row():
    with boot(system(), "mach", links={"operator.echo": "count"}) as machine:
        assert machine.connect("front").refuse(0) == 0
        assert all("links" not in row for row in machine.state()["domains"])


# --- the table ----------------------------------------------------------------------------------------


def test_row_is_found_again_by_its_name():
    page = Page()
    row = page.row("a.b.c")
    page.words[row] += 3
    assert page.row("a.b.d") != row
    assert page.row("a.b.c") == row
    assert page.rows()["a.b.c"]["calls"] == 3
    page.close()


def test_row_of_a_long_name_is_cut():
    page = Page()
    page.words[page.row("é" * 40)] += 1
    assert page.rows() == {"é" * 32: {**dict.fromkeys(COUNTS, 0), "calls": 1}}
    page.close()


def test_full_table_counts_into_one_row():
    page = Page()
    for number in range(ROWS + 100):
        page.words[page.row(f"a.b.c{number}")] += 1
    rows = page.rows()
    assert len(rows) == ROWS
    assert rows["other"]["calls"] == 101
    assert sum(row["calls"] for row in rows.values()) == ROWS + 100
    page.close()


def test_table_that_a_domain_filled_with_anything_can_be_read():
    descriptor = Page.make("filled")
    os.pwrite(descriptor, b"\xff" * (SIZE - TABLE), TABLE)
    page = Page(descriptor)
    rows = page.rows()
    assert list(rows) == [""] and set(rows[""].values()) == {2**64 - 1}
    page.close()
    os.close(descriptor)


def test_state_leaves_out_what_does_not_fit_one_record():
    many = {f"a.b.c{n}": dict.fromkeys(COUNTS, 2**63) for n in range(ROWS)}
    rows = [{"domain": f"d{n}", "links": dict(many)} for n in range(20)] + [{"domain": "small", "links": {"a.b.c": {}}}]
    fit(rows)
    assert len(msgspec.msgpack.encode(rows)) < parcel.LARGEST
    assert "links" in rows[-1]
    assert 0 < sum("links" in row for row in rows[:-1]) < 20
