"""A power cut after every call that writes, and in the middle of those that write many blocks; then the next mount.

After it: fsck.minix is content, what was synced or closed before is there whole, and no name but those
of the operation in progress is missing, new, or different.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from disks import MemoryDisk, PowerCutError, blank, fsck, mount, read_file, tree, write_file

from servers.minix.files import MinixFiles
from servers.statuses import DeviceError

Step = Callable[[MinixFiles], None]


def create_with_data(files: MinixFiles) -> None:
    write_file(files, b"/new", b"n" * 30_000)


def overwrite(files: MinixFiles) -> None:
    file = files.open(b"/keep/old", True)
    file.write(5000, b"!" * 20_000)
    file.close()


def grow(files: MinixFiles) -> None:
    file = files.open(b"/keep/old", True)
    file.append(b"+" * 300_000)
    file.sync()
    file.close()


def shrink(files: MinixFiles) -> None:
    file = files.open(b"/keep/old", True)
    file.truncate(9_001)
    file.close()


def empty_and_refill(files: MinixFiles) -> None:
    file = files.open(b"/keep/old", True)
    file.truncate(0)
    file.write(0, b"r" * 12_000)
    file.close()


def fill_directory(files: MinixFiles) -> None:
    for number in range(16):
        files.mkdir(b"/keep/sub/d%d" % number)


STEPS: dict[str, tuple[set[bytes], Step]] = {
    "create": ({b"/new"}, create_with_data),
    "overwrite": ({b"/keep/old"}, overwrite),
    "grow": ({b"/keep/old"}, grow),
    "shrink": ({b"/keep/old"}, shrink),
    "refill": ({b"/keep/old"}, empty_and_refill),
    "mkdir": ({b"/keep/sub/d%d" % n for n in range(16)}, fill_directory),
    "unlink": ({b"/keep/old"}, lambda f: f.unlink(b"/keep/old")),
    "rmdir": ({b"/empty"}, lambda f: f.rmdir(b"/empty")),
    "link": ({b"/keep/other"}, lambda f: f.link(b"/keep/old", b"/keep/other")),
    "symlink": ({b"/s2"}, lambda f: f.symlink(b"keep/old", b"/s2")),
    "rename_within": ({b"/keep/old", b"/keep/renamed"}, lambda f: f.rename(b"/keep/old", b"/keep/renamed")),
    "rename_across": ({b"/keep/old", b"/empty/x"}, lambda f: f.rename(b"/keep/old", b"/empty/x")),
    "rename_over": ({b"/keep/old", b"/full/f3"}, lambda f: f.rename(b"/keep/old", b"/full/f3")),
    "rename_far": ({b"/full/f0", b"/full/f39"}, lambda f: f.rename(b"/full/f0", b"/full/f39")),
    "rename_directory": ({b"/keep/sub", b"/empty/sub"}, lambda f: f.rename(b"/keep/sub", b"/empty/sub")),
    "replace_directory": ({b"/keep/sub", b"/empty"}, lambda f: f.rename(b"/keep/sub", b"/empty")),
    "chmod": (set(), lambda f: f.chmod(b"/keep/old", 0o600)),
}


def prepared() -> bytes:
    """A disk with something of everything, left in order."""
    disk = MemoryDisk(blank(2048))
    files = mount(disk)
    for name in (b"/keep", b"/keep/sub", b"/keep/sub/deep", b"/empty", b"/full"):
        files.mkdir(name)
    write_file(files, b"/keep/old", random.Random(1).randbytes(60_000))
    write_file(files, b"/keep/sub/deep/file", b"deep" * 3000)
    for number in range(40):
        write_file(files, b"/full/f%d" % number, b"%d" % number)
    files.symlink(b"keep/old", b"/link")
    files.link(b"/keep/old", b"/hard")
    files.stop()
    return bytes(disk.image)


def below(path: bytes, names: set[bytes]) -> bool:
    return any(path == name or path.startswith(name + b"/") for name in names)


@pytest.mark.parametrize("name", STEPS)
def test_power_cut_anywhere(name: str, tmp_path: Path) -> None:
    touched, step = STEPS[name]
    image = prepared()
    before = tree(mount(MemoryDisk(image)))
    changes_data = name in {"overwrite", "grow", "shrink", "refill"}
    kept = {
        path: content
        for path, content in before.items()
        if not below(path, touched) and not (changes_data and path == b"/hard")
    }
    for cut in cuts(image, step):
        disk = MemoryDisk(image)
        disk.cut_after = cut
        try:
            step(mount(disk))
        except PowerCutError:
            finished = False
        else:
            finished = True
        disk.cut_after = None
        again = mount(disk)
        after = tree(again)
        assert {path: content for path, content in after.items() if path in kept} == kept, cut
        assert all(below(path, touched) or path in before for path in after), cut
        check_outcome(name, before, after, finished)
        again.stop()
        fsck(bytes(disk.image), tmp_path)
        assert tree(mount(disk, check=True)) == after
    assert finished


def cuts(image: bytes, step: Step) -> list[int]:
    """After how many blocks to cut: between any two calls, and at the edges and in the middle of long ones."""
    disk = MemoryDisk(image)
    step(mount(disk))
    found, done = {0}, 0
    for _, count in disk.log:
        found |= {done + 1, done + count // 2, done + count - 1, done + count}
        done += count
    return sorted(found)


def check_outcome(name: str, before: dict[bytes, object], after: dict[bytes, object], finished: bool) -> None:
    """A rename never loses the file; an acknowledged step is there."""
    old = before[b"/keep/old"]
    if name.startswith("rename_") and b"/keep/old" in STEPS[name][0]:
        new = next(path for path in STEPS[name][0] if path != b"/keep/old")
        assert after.get(new) == old or (not finished and after.get(b"/keep/old") == old)
    if name == "rename_over":
        assert after[b"/full/f3"] in (old, b"3")
    if "directory" in name:
        homes = [home for home in (b"/keep/sub", b"/empty/sub", b"/empty") if home + b"/deep/file" in after]
        assert len(homes) == 1
        assert after[homes[0] + b"/deep/file"] == b"deep" * 3000
        assert not finished or homes[0] != b"/keep/sub"
    if finished and name == "create":
        assert after[b"/new"] == b"n" * 30_000
    if finished and name == "grow":
        assert after[b"/keep/old"] == old + b"+" * 300_000  # type: ignore[operator]
    if finished and name == "shrink":
        assert after[b"/keep/old"] == old[:9001]  # type: ignore[index]


@pytest.mark.parametrize("seed", range(4))
def test_power_cut_in_random_work_keeps_what_was_synced(seed: int, tmp_path: Path) -> None:
    image = blank(1024)
    for cut in range(seed, 260, 17):
        disk = MemoryDisk(image)
        files = mount(disk, cache_blocks=16)
        disk.cut_after = disk.blocks_written + cut
        safe: dict[bytes, bytes] = {}
        try:
            random_work(files, random.Random(seed), safe)
        except PowerCutError:
            pass
        disk.cut_after = None
        again = mount(disk)
        assert {path: read_file(again, path) for path in safe} == safe
        again.stop()
        fsck(bytes(disk.image), tmp_path)


def random_work(files: MinixFiles, rng: random.Random, safe: dict[bytes, bytes]) -> None:
    """Write, close, rename, remove; `safe` holds what must be there whatever happens next."""
    files.mkdir(b"/d")
    for number in range(60):
        path = rng.choice((b"/%d", b"/d/%d")) % number
        data = rng.randbytes(rng.choice((10, 2000, 9000, 20_000)))
        write_file(files, path, data)
        safe[path] = data
        if rng.random() < 0.5:
            victim = rng.choice(sorted(safe))
            kept = safe.pop(victim)
            if rng.random() < 0.5:
                files.unlink(victim)
            else:
                files.rename(victim, b"/d/r%d" % number)
                safe[b"/d/r%d" % number] = kept


def test_cut_during_repair_is_repaired_again(tmp_path: Path) -> None:
    disk = MemoryDisk(prepared())
    disk.cut_after = 6
    with pytest.raises(PowerCutError):
        fill_directory(mount(disk))
    broken, cut = bytes(disk.image), 0
    while True:
        disk = MemoryDisk(broken)
        disk.cut_after = cut
        try:
            mount(disk).stop()
            break
        except PowerCutError:
            disk.cut_after = None
            again = mount(disk)
            assert read_file(again, b"/keep/sub/deep/file") == b"deep" * 3000
            again.stop()
            fsck(bytes(disk.image), tmp_path)
            cut += 1
    assert cut > 1


@pytest.mark.parametrize("name", STEPS)
def test_disk_server_dies_and_comes_back(name: str, tmp_path: Path) -> None:
    """Its death is a DeviceError; an orderly stop afterwards leaves a disk without a fault."""
    _, step = STEPS[name]
    image, writes = prepared(), 0
    while True:
        disk = MemoryDisk(image)
        files = mount(disk)
        disk.dead_after = writes
        try:
            step(files)
            finished = True
        except DeviceError:
            finished = False
        disk.dead_after = None
        assert read_file(files, b"/keep/sub/deep/file" if "directory" not in name else b"/full/f7")
        files.stop()
        fsck(bytes(disk.image), tmp_path)
        if finished:
            break
        writes += 1
