"""`count`: exact numbers for each operation of a link, on the pages of its clients; those of the comparison."""

import os

import msgspec
import pytest

from bench.counting import EXACT, counts_between
from bench.driver import working
from bench.workload import Workload
from microlith import System, boot
from microlith.frame.page import COUNTS, ROWS, SIZE, TABLE, Page
from microlith.frame.wire import HEADER
from microlith.process import parcel
from microlith.process.root import fit
from servers.minix.files import MinixFiles
from servers.ramdisk import RamDisk
from tests.links.machines import ARCHITECTURES, counting, system

OPERATIONS = ("null_call", "stat", "read_4k", "write_4k", "read_4k_uncached", "create_write_sync")


def total(state):
    """The sums over all counted links."""
    rows = [row for domain in state["domains"] for row in domain.get("links", {}).values()]
    return {word: sum(row[word] for row in rows) for word in EXACT}


def files_on_a_disk():
    made = System("files").server("disk", RamDisk, blocks=4096)
    made = made.server("files", MinixFiles, disk="disk", cache_blocks=64)
    return made.app("workload", Workload, on_boot=False, files="files")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sum_over_all_links_is_what_the_domains_count(architecture):
    with boot(files_on_a_disk(), architecture, links={"*": "count"}) as machine, working(machine, "workload") as client:
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


@pytest.fixture(params=ARCHITECTURES)
def counted(request):
    return request.param, counting(request.param, "one_of_each", {"*": "count"})


def test_every_operation_has_its_row(counted):
    _, rows = counted
    assert {name: (row["calls"], row["statuses"]) for name, row in rows.items()} == CALLS
    assert all(tuple(row) == COUNTS for row in rows.values())


def test_messages_crossings_and_bytes_are_those_of_the_path(counted):
    """A call over a peer link crosses twice, through the kernel four times; a one-way message half of it."""
    architecture, rows = counted
    crossings, visits, copies = {"library": (0, 0, 0), "monolith": (2, 1, 2), "mach": (4, 2, 4)}[architecture]
    call, notice = rows["asker.echo.data"], rows["asker.sink.note"]
    assert (call["messages"], call["crossings"], call["kernel_visits"]) == (min(2, crossings), crossings, visits)
    one_way = (min(1, crossings), crossings // 2, min(1, visits))
    assert (notice["messages"], notice["crossings"], notice["kernel_visits"]) == one_way
    assert call["bytes_copied"] == copies * (2 * HEADER.size + 2 * 1000 + 2 * len(b"\x91\xc0"))
    assert notice["bytes_copied"] == copies * (HEADER.size + len(b"\x91\x01"))


def test_forwarded_call_is_one_message_of_the_link_that_it_goes_on_by(counted):
    architecture, rows = counted
    forwarded = rows["front.waiter.at_once"]
    assert (forwarded["messages"], forwarded["crossings"]) == ((1, 2) if architecture == "mach" else (0, 0))


def test_system_calls_are_counted_where_our_own_code_makes_them(counted):
    architecture, rows = counted
    made = [rows[name]["system_calls"] for name in ("asker.echo.data", "asker.sink.note")]
    assert made == ([2, 1] if architecture == "monolith" else [0, 0])


def test_attached_process_reads_its_own_counts():
    with boot(system(), "library", links={"operator.echo": "count"}) as machine:
        operator = machine.connect("operator")
        assert operator.echo.integer(1) == 1
        counts = operator.counts()["operator.echo.integer"]
        assert counts == {
            "calls": 1, "statuses": 0, "messages": 2, "crossings": 2, "kernel_visits": 0,
            "bytes_copied": 2 * (2 * HEADER.size + 4), "wake_ups": counts["wake_ups"], "system_calls": 2,
        }  # fmt: skip


def test_counts_go_on_after_a_restart():
    with boot(system(), "mach", links={"front.echo": "count"}) as machine:
        front = machine.connect("front")
        front.refuse(0)
        machine.kill("front")
        front.refuse(0)  # an idempotent call is repeated
        assert calls(machine.state(), "front.echo.refuse") == 2


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
