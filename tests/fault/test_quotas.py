"""What an app may have is bounded, and beyond it the answer is Busy, whatever border it calls across."""

import pytest

from microlith import App, System, boot
from microlith.interface.status import Busy
from servers.filesystem import FileSystem
from servers.minix.files import MinixFiles
from servers.ramdisk import RamDisk

RIGHTS = 12


class Greedy(App):
    """An app with a small quota."""

    files: FileSystem


@pytest.mark.parametrize("architecture", ["monolith", "mach", "mach25", "hybrid", "l4"])
def test_rights_beyond_the_quota_are_busy_and_come_back_when_some_go(architecture):
    system = System("quotas").server("disk", RamDisk).server("files", MinixFiles, disk="disk")
    system = system.app("greedy", Greedy, on_boot=False, files="files", quota={"rights": RIGHTS})
    with boot(system, architecture=architecture) as machine:
        files = machine.connect("greedy").files
        files.create(b"/f").close()
        held = []
        with pytest.raises(Busy):
            for _ in range(RIGHTS + 1):
                held.append(files.open(b"/f"))
        assert len(held) == RIGHTS - 1  # one right is the file server's
        with pytest.raises(Busy):
            files.open(b"/f")
        held.pop()
        files.ping()  # what was dropped goes back with the next message
        assert files.open(b"/f").read(0, 1) == b""
