"""What attackers have in common: they speak docs/wire.md by the foreign client's hand, and ZMTP by their own."""

import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "foreign"))
import client as foreign
from client import Client, Received, ask, hear, message, say, status_of

__all__ = (
    "APP", "BODIES", "CONTROL", "HELLO_MESSAGE", "Client", "Received", "Zmtp", "ask", "attach", "foreign", "hear",
    "message", "raw_attach", "say", "status_of",
)  # fmt: skip

CONTROL, APP = sys.argv[1:3]
HELLO_MESSAGE = message(foreign.HELLO)


def attach():
    return Client(CONTROL, APP)


def raw_attach():
    """Admitted, not connected: the path of the kernel's socket."""
    return ask(CONTROL, do="attach", app=APP)[0]["endpoint"].removeprefix("ipc://")


class Zmtp:
    """The client's side of ZMTP 3.0 with mechanism NULL, by hand."""

    def __init__(self, path, identity=b"", kind=b"DEALER"):
        self.end = socket.socket(socket.AF_UNIX)
        self.end.connect(path)
        self.end.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.end.recv(64, socket.MSG_WAITALL)
        ready = b"\x05READY" + self._property(b"Socket-Type", kind) + self._property(b"Identity", identity)
        size = b"\x04" + bytes([len(ready)]) if len(ready) < 256 else b"\x06" + struct.pack(">Q", len(ready))
        self.end.sendall(size + ready)
        if self.end.recv(2, socket.MSG_PEEK | socket.MSG_WAITALL)[:1] != b"\x04":  # its READY: we are in
            raise ConnectionError("refused")
        self.end.recv(self.end.recv(2)[1], socket.MSG_WAITALL)

    @staticmethod
    def _property(name, value):
        return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value

    def frame(self, data, more=False):
        self.end.sendall(b"\x03"[:more] + b"" if False else bytes([2 | more]) + struct.pack(">Q", len(data)) + data)

    def heard(self, seconds):
        """Did anything come after the greeting besides the handshake's own command?  b'' if it was closed."""
        self.end.settimeout(seconds)
        try:
            return self.end.recv(65536)
        except TimeoutError:
            return None
        except OSError:
            return b""


#: Bodies that no client would write.
BODIES = {
    "nothing": b"",
    "nil": b"\xc0",
    "empties": b"\xdd\x00\x0f\xff\x00" + b"\x90" * 0xFFF00,
    "deep": b"\x91" * 1_000_000 + b"\xc0",
    "deep_maps": b"\x81\x00" * 500_000 + b"\xc0",
    "array_of_4g": b"\xdd\xff\xff\xff\xff",
    "map_of_4g": b"\xdf\xff\xff\xff\xff",
    "bin_of_4g": b"\x91\xc6\xff\xff\xff\xff",
    "uint64": b"\x92\xcf" + b"\xff" * 8 + b"\xcf" + b"\xff" * 8,
    "one_uint64": b"\x91\xcf" + b"\xff" * 8,
    "nan": b"\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01",
    "ext": b"\x91\xc7\x08\x05" + b"\x00" * 8,
    "timestamp": b"\x91\xd6\xff\x00\x00\x00\x00",
    "bad_utf8": b"\x91\xa4\xff\xfe\xfd\xfc",
    "reserved": b"\x91\xc1",
    "trailing": b"\x91\xc0\xc0\xc0",
    "truncated": b"\x93\xc0",
    "map": b"\x81\xa4path\xc4\x01/",
    "many": b"\xdc\x00\x40" + b"\xc0" * 64,
}
