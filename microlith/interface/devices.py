"""Devices: what a driver is given of the host machine.

The launcher opens a device and hands it over as a descriptor; the driver never names a path.  A
device that can interrupt has a second descriptor, the *line*, which the kernel (in a monolith the
domain's loop) polls; when it is readable the driver's `interrupt(device)` runs, once, and the line
stays masked until that method returns.
"""

import ctypes
import os
import struct
from typing import ClassVar

_libc = ctypes.CDLL(None, use_errno=True)
_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK, _TFD_CLOEXEC = 0o4000, 0o2000000


class Device:
    """An open device; `kind` is its name in system files."""

    kind: ClassVar[str] = ""
    interrupts: ClassVar[bool] = False

    def __init__(self, name: str, descriptors: tuple[int, ...]) -> None:
        self.name = name
        self.descriptors = descriptors

    @property
    def line(self) -> int:
        """The descriptor that becomes readable when the device wants attention."""
        return self.descriptors[0]


class HostFile(Device):
    """A host file or block device, for pread and pwrite."""

    kind = "file"

    @property
    def fd(self) -> int:
        """The descriptor."""
        return self.descriptors[0]

    @property
    def writable(self) -> bool:
        """Was it opened for writing?"""
        import fcntl

        return fcntl.fcntl(self.fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


class HostDirectory(Device):
    """A directory of the host, for the *at system calls."""

    kind = "directory"

    @property
    def fd(self) -> int:
        """The descriptor, for dir_fd= arguments."""
        return self.descriptors[0]


class Terminal(Device):
    """A terminal or a pair of pipes: bytes in (descriptor 0), bytes out (descriptor 1)."""

    kind = "terminal"
    interrupts = True

    @property
    def input(self) -> int:
        """The descriptor to read from; it is the interrupt line too."""
        return self.descriptors[0]

    @property
    def output(self) -> int:
        """The descriptor to write to."""
        return self.descriptors[1]


class Timer(Device):
    """A timerfd of the monotonic clock (timerfd_create(2)); it needs no entry in a system file."""

    kind = "timer"
    interrupts = True

    @classmethod
    def make(cls, name: str) -> "Timer":
        """A new, unarmed timer."""
        fd = _libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        return cls(name, (fd,))

    def arm(self, when: int | None) -> None:
        """Interrupt at `when` (monotonic ns), or not at all when None."""
        value = (0, 0) if when is None else divmod(max(when, 1), 1_000_000_000)
        setting = struct.pack("@qqqq", 0, 0, *value)
        if _libc.timerfd_settime(self.line, _TFD_TIMER_ABSTIME, setting, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def expirations(self) -> int:
        """How often it has expired since the last question; 0 if not."""
        try:
            return int(struct.unpack("@Q", os.read(self.line, 8))[0])
        except BlockingIOError:
            return 0


DEVICES: dict[str, type[Device]] = {d.kind: d for d in (HostFile, HostDirectory, Terminal, Timer)}
