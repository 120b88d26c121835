"""What becomes of an answer that nobody waits for any more."""

from microlith.frame import wire
from microlith.frame.connection import Connection
from microlith.frame.frame import Frame


def test_late_answer_gives_back_the_rights_that_came_with_it_and_no_others():
    connection = Connection(Frame())
    caps = ((wire.HOME, 1, 1, 0), (wire.GRANTED, 2, 7, 0))
    connection.drop_late(wire.pack(wire.REPLY, call=3, caps=caps, body=b"\x92\x00\x01"))
    assert [handle for _, handle in connection.forgotten] == [7]
