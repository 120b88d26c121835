"""Files and disks under kills: adoption, masking, and that what was acknowledged is on the disk."""

import hashlib
import itertools
import os
import random
import shutil
import subprocess
import threading

import pytest

from microlith import Stale, Status, System, UsageError, boot
from microlith.interface.status import ServerDied
from servers.filedisk import FileDisk
from servers.minix.files import MinixFiles
from servers.statuses import DeviceError, NotOpen
from tests.process.until import rows, until

FSCK = shutil.which("fsck.minix", path="/usr/sbin:/sbin:/usr/bin:/bin")
OFTEN = {"intensity": 1_000_000, "period_s": 1.0}


def disk_system(image, size=8 << 20):
    with open(image, "wb") as file:
        file.truncate(size)
    system = System("disks").device("hd0", "file", str(image))
    return system.server("disk", FileDisk, image="hd0", restart=OFTEN).server(
        "files", MinixFiles, disk="disk", restart=OFTEN
    )


def fsck(image):
    if FSCK is None:
        pytest.skip("fsck.minix (util-linux) is not installed: the structure on disk has no judge")
    done = subprocess.run([FSCK, "-f", image], capture_output=True, text=True, check=False)
    said = done.stdout.replace(f"Forcing filesystem check on {image}.", "").strip()
    assert (done.returncode, said, done.stderr) == (0, "", "")


def kill(machine, name):
    """Kill, and see that it was killed."""
    before = rows(machine)[name]["incarnation"]
    machine.kill(name)
    until(lambda: rows(machine)[name]["incarnation"] > before)


@pytest.mark.parametrize("architecture", ["mach", "l4"])
def test_open_files_at_the_death_of_the_file_server(architecture, tmp_path):
    image = tmp_path / "image"
    with boot(disk_system(image), architecture=architecture) as machine:
        files = machine.connect("files")
        writing = files.create(b"/kept")
        assert writing.write(0, b"content") == 7
        writing.sync()
        reading, twin = files.open(b"/kept"), files.open(b"/kept")
        files.create(b"/gone").close()
        gone = files.open(b"/gone")
        kill(machine, "files")
        assert reading.read(0, 100) == b"content"  # adopted
        assert twin.stat().size == 7
        with pytest.raises(Stale):
            writing.write(7, b"more")
        with pytest.raises(Stale):
            writing.sync()
        assert gone.read(0, 10) == b""
        kill(machine, "files")
        assert reading.read(3, 4) == b"tent"  # adopted twice
        reading.close()
        with pytest.raises(NotOpen):
            reading.read(0, 1)
        again = files.open(b"/kept", True)
        again.append(b"!")
        again.close()
        assert twin.read(0, 100) == b"content!"
    fsck(image)


@pytest.mark.parametrize("architecture", ["mach", "l4", "monolith", "library"])
def test_closed_file_stays_closed_at_the_death_of_the_file_server(architecture, tmp_path):
    """Whatever `kill` does to the server there, the holder of a closed file never reads from it again."""
    with boot(disk_system(tmp_path / "image"), architecture=architecture) as machine:
        files = machine.connect("files")
        files.create(b"/kept").close()
        closed, adopted = files.open(b"/kept"), files.open(b"/kept")
        closed.close()
        with pytest.raises(NotOpen):
            closed.read(0, 1)
        if architecture not in ("mach", "l4"):
            machine.kill("files")
        else:
            kill(machine, "files")
            assert adopted.read(0, 1) == b""
            adopted.close()  # in its second life
            kill(machine, "files")
            with pytest.raises((NotOpen, Stale)):
                adopted.read(0, 1)
        with pytest.raises((NotOpen, Stale)):
            closed.read(0, 1)


@pytest.mark.parametrize("architecture", ["mach", "l4"])
@pytest.mark.parametrize("victims", [("disk",), ("files",), ("disk", "files")])
def test_kills_under_load_lose_nothing_that_was_acknowledged(victims, architecture, tmp_path):
    image = tmp_path / "image"
    chosen, failures, acknowledged = random.Random(1), [], {}
    with boot(disk_system(image), architecture=architecture) as machine:
        files = machine.connect("files")
        over = threading.Event()
        kills = []

        def killer():
            while not over.wait(0.1):
                victim = chosen.choice(victims)
                try:
                    machine.kill(victim)
                    kills.append(victim)
                except (UsageError, LookupError) as error:  # it is down at the moment
                    assert "not running" in str(error), error

        thread = threading.Thread(target=killer)
        thread.start()
        try:
            for number in itertools.takewhile(lambda n: n < 200 or len(kills) < 5, itertools.count()):
                name, data = b"/f%d" % (number % 60), os.urandom(chosen.randrange(1, 6000))
                try:
                    file = files.create(name)
                    file.truncate(0)
                    file.write(0, data)
                    file.sync()
                    file.close()
                    acknowledged[name] = hashlib.sha256(data).digest()
                except Status as status:
                    assert isinstance(status, (ServerDied, Stale, DeviceError)), status
                    failures.append(type(status).__name__)
                    acknowledged.pop(name, None)  # its last writing has no known outcome
        finally:
            over.set()
            thread.join()
        assert len(kills) > 3
        if victims == ("disk",):
            assert len(failures) < 10, failures  # the disk's operations are idempotent: its deaths are masked
        for name, digest in acknowledged.items():
            file = files.open(name)
            assert hashlib.sha256(file.read(0, 8192)).digest() == digest, name
            file.close()
        assert len(acknowledged) > 10
        final = machine.state()
    assert max(row["incarnation"] for row in final["domains"]) > 3
    fsck(image)
    with boot(
        System("disks", disk_system_of(image).servers, {}, disk_system_of(image).devices), architecture="library"
    ) as m:
        files = m.connect("files")
        for name, digest in acknowledged.items():
            file = files.open(name)
            assert hashlib.sha256(file.read(0, 8192)).digest() == digest, name
            file.close()


def disk_system_of(image):
    """The same system on an image that exists."""
    system = System("disks").device("hd0", "file", str(image))
    return system.server("disk", FileDisk, image="hd0").server("files", MinixFiles, disk="disk")


@pytest.mark.parametrize("architecture", ["monolith", "mach", "mach25", "hybrid", "l4"])
def test_kernel_that_is_killed_leaves_a_disk_that_is_repaired(architecture, tmp_path):
    import signal

    image = tmp_path / "image"
    with boot(disk_system(image), architecture=architecture) as machine:
        files = machine.connect("files")
        for number in range(30):
            file = files.create(b"/f%d" % number)
            file.write(0, b"%d" % number * 500)
            file.sync()
        os.kill(machine.root_pid, signal.SIGKILL)
        until(lambda: machine.reboots == 1)
        machine.wait_ready()
        files = machine.connect("files")
        for number in range(30):
            assert files.open(b"/f%d" % number).read(0, 100000) == b"%d" % number * 500
    fsck(image)
