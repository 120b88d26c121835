"""Names to capabilities, and narrowing what a look-up gives."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from direct import domain, link, put

from microlith.frame.codec import Codec
from microlith.frame.frame import Frame
from microlith.frame.narrow import narrow
from microlith.frame.server import Server
from microlith.frame.stub import stub_class
from microlith.frame.wire import Cap
from microlith.interface.interface import Interface, operations_of, schema
from servers.blockdevice import BlockDevice
from servers.log import Log, RecordLog
from servers.names import LONGEST, Names, NameTable, find, publish
from servers.ramdisk import RamDisk
from servers.statuses import Exists, Invalid, NoSpace, NotFound, WrongInterface


class OldDisk(Interface):
    """A client that knows less: the first two operations of a BlockDevice."""

    geometry = BlockDevice.geometry
    read = BlockDevice.read


@pytest.fixture
def frame() -> Iterator[Frame]:
    with domain() as frame:
        yield frame


@pytest.fixture
def names(frame: Frame) -> Names:
    return link(put(frame, NameTable()))


@pytest.fixture
def disk(frame: Frame) -> Any:
    return link(put(frame, RamDisk(), blocks=8))


def test_find_gives_what_was_published(names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    found = find(names, "disk", BlockDevice)
    assert found is disk and found.geometry().blocks == 8


def test_bind_of_a_name_that_is_taken(frame: Frame, names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    with pytest.raises(Exists):
        publish(names, "disk", link(put(frame, RecordLog())))
    assert find(names, "disk", BlockDevice) is disk


def test_rebind_replaces(frame: Frame, names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    other = link(put(frame, RamDisk(), blocks=2))
    names.rebind("disk", other, schema(BlockDevice))
    assert find(names, "disk", BlockDevice) is other


def test_lookup_of_another_interface(names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    with pytest.raises(WrongInterface, match="disk has no operation 1 "):
        find(names, "disk", Log)


def test_lookup_of_an_older_interface(names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    assert names.lookup("disk", schema(OldDisk)) is disk


def test_lookup_of_whatever_interface(names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    assert names.lookup("disk") is disk


def test_unbind_frees_the_name_and_keeps_the_capability(names: Names, disk: Any) -> None:
    publish(names, "disk", disk)
    found = find(names, "disk", BlockDevice)
    names.unbind("disk")
    for call in (names.lookup, names.unbind):
        with pytest.raises(NotFound):
            call("disk")
    assert found.geometry().blocks == 8


@pytest.mark.parametrize("name", ["", "x" * (LONGEST + 1), "a\nb", "\x00"])
def test_bind_of_what_is_no_name(names: Names, disk: Any, name: str) -> None:
    with pytest.raises(Invalid):
        publish(names, name, disk)
    assert names.list() == ()


def test_list_is_sorted_and_comes_in_pages(names: Names, disk: Any) -> None:
    for name in ("b/2", "a", "b/1", "c"):
        publish(names, name, disk)
    assert names.list() == ("a", "b/1", "b/2", "c")
    assert names.list("b/") == ("b/1", "b/2")
    assert names.list("", "a", 2) == ("b/1", "b/2")
    assert names.list("z") == ()
    with pytest.raises(Invalid):
        names.list("", "", -1)


def test_bind_beyond_the_capacity(frame: Frame, disk: Any) -> None:
    names = link(put(frame, NameTable(), capacity=2))
    publish(names, "a", disk)
    publish(names, "b", disk)
    with pytest.raises(NoSpace):
        publish(names, "c", disk)
    names.rebind("a", disk, "")
    names.unbind("b")
    publish(names, "c", disk)


# --- narrowing ---------------------------------------------------------------------------------------


class Forgetful:
    """The connection of a stub, as far as ownership of the handle goes."""

    def __init__(self) -> None:
        self.forgotten: list[int] = []

    def forget(self, handle: int) -> None:
        self.forgotten.append(handle)


def test_narrow_a_direct_capability(disk: Any) -> None:
    assert narrow(disk, BlockDevice) is disk
    with pytest.raises(TypeError, match="not of interface Log"):
        narrow(disk, Log)


def test_narrow_a_remote_capability_gives_its_right_back_once() -> None:
    connection = Forgetful()
    untyped: Any = stub_class(Interface)(connection, 7, 3)  # type: ignore[arg-type]
    typed = narrow(untyped, BlockDevice)
    assert isinstance(typed, BlockDevice) and set(operations_of(type(typed))) == set(BlockDevice.__operations__)
    assert (typed._handle, typed._rank) == (7, 3)  # type: ignore[attr-defined]
    del untyped
    gc.collect()
    assert connection.forgotten == []
    del typed
    gc.collect()
    assert connection.forgotten == [7]


def test_narrow_a_remote_capability_of_another_interface() -> None:
    stub: Any = stub_class(BlockDevice)(Forgetful(), 7, 3)  # type: ignore[arg-type]
    assert narrow(stub, BlockDevice) is stub
    with pytest.raises(TypeError):
        narrow(stub, Log)


def test_any_capability_travels_where_the_signature_says_interface(frame: Frame) -> None:
    sent: list[Any] = []

    def lower(capability: Any) -> Cap:
        sent.append(capability)
        return (0, 0, 5, 0)

    codec = Codec(lower, lambda entry, interface: stub_class(interface)(Forgetful(), entry[2], 0))  # type: ignore[arg-type]
    bind, lookup = Names.__operations__["bind"], Names.__operations__["lookup"]
    server: Server = RamDisk()
    body, bulk, caps = codec.request(bind, ("disk", server, "schema"))
    name, service, text = codec.read_request(bind, body, bulk, caps)
    assert sent == [server] and (name, text) == ("disk", "schema")
    assert narrow(service, BlockDevice)._handle == 5  # type: ignore[attr-defined]
    body, bulk, caps = codec.reply(lookup, server)
    assert isinstance(narrow(codec.read_reply(lookup, body, bulk, caps), Log), Log)
