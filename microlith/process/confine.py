"""What a confined domain can no longer do to the host: Landlock, then seccomp, by system call alone.

Landlock (docs.kernel.org/userspace-api/landlock.html) takes away files, TCP, abstract sockets and
signals to strangers; it does not know pathname Unix sockets, UDP, user namespaces, io_uring or SysV
memory.  seccomp takes those away, with everything else that a server's steady state does not need.
A layer the host does not offer is left out; `microlith doctor` says which, and what that costs.
"""

import ctypes
import errno
import os
import socket
import struct
import sys

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_SECCOMP = 317
_AUDIT_ARCH_X86_64 = 0xC000003E

# Landlock access rights by ABI: (ABI, file rights, network rights, scopes).
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read file, read directory
_ABIS = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 3, 0), 5: (16, 3, 0), 6: (16, 3, 3)}

# x86-64 numbers of what a server never needs: new sockets, other programs, other processes' memory,
# new namespaces and mounts, kernel objects that bypass Landlock.
_DENIED = {
    "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288,
    "execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
    "pidfd_getfd": 438, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155,
    "chroot": 161, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
    "keyctl": 250, "add_key": 248, "shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240,
    "kexec_load": 246, "init_module": 175, "finit_module": 313, "delete_module": 176, "reboot": 169,
    "swapon": 167, "swapoff": 168, "settimeofday": 164, "clock_settime": 227, "sethostname": 170,
    "open_by_handle_at": 304, "sched_setaffinity": 203, "setpriority": 141, "acct": 163, "quotactl": 179,
}  # fmt: skip
_NETWORK = ("socket", "connect", "accept", "bind", "listen", "accept4")
_LOCAL = ("connect", "accept", "accept4")
_CLONE3 = 435  # answers ENOSYS, so that libc falls back to clone


def landlock_abi() -> int:
    """The host's Landlock version; 0 without Landlock."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def landlock(readable: tuple[str, ...], writable: tuple[int, ...] = (), network: bool = False) -> bool:
    """Deny all files but those below `readable` (paths) and `writable` (directory descriptors).

    With `network`, TCP stays allowed.  False: the host has no Landlock.
    """
    abi = landlock_abi()
    if not abi:
        return False
    bits, tcp, scopes = _ABIS[min(abi, 6)]
    attributes = struct.pack("@QQQ", (1 << bits) - 1, 0 if network else tcp, scopes)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, size, 0)
    if ruleset < 0:
        return False
    for path in readable:
        if os.path.exists(path):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            _allow(ruleset, _READ if os.path.isdir(path) else 1 << 2, descriptor)
            os.close(descriptor)
    for descriptor in writable:
        _allow(ruleset, (1 << bits) - 1, descriptor)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = bool(_libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return done


def _allow(ruleset: int, rights: int, descriptor: int) -> None:
    _libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("@Qi", rights, descriptor), 0)


def seccomp(network: bool = False, local: bool = False) -> bool:
    """Deny the system calls of the list above with EPERM, to every thread of this process.

    With `network`, sockets stay allowed; with `local`, those of this host's processes (AF_UNIX), but no
    listening.  False: this processor has no list.
    """
    if os.uname().machine != "x86_64":
        return False
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    kill, allow, refuse = 0x80000000, 0x7FFF0000, 0x00050000
    program = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT_ARCH_X86_64), (give, 0, 0, kill)]
    program += [(load, 0, 0, 0), (above, 0, 1, 0x40000000), (give, 0, 0, kill)]
    program += [(equal, 0, 1, _CLONE3), (give, 0, 0, refuse | errno.ENOSYS)]
    for name, number in _DENIED.items():
        if (network and name in _NETWORK) or (local and name in _LOCAL):
            continue
        if local and name == "socket":  # of one family only
            program += [(equal, 0, 4, number), (load, 0, 0, 16), (equal, 1, 0, socket.AF_UNIX)]
            program += [(give, 0, 0, refuse | errno.EPERM), (give, 0, 0, allow)]
            continue
        program += [(equal, 0, 1, number), (give, 0, 0, refuse | errno.EPERM)]
    program.append((give, 0, 0, allow))
    code = b"".join(struct.pack("@HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@H6xQ", len(program), ctypes.addressof(buffer))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    set_filter, synchronise = 1, 1
    return bool(_libc.syscall(_SECCOMP, set_filter, synchronise, filter_) == 0)


def interpreter_paths() -> tuple[str, ...]:
    """What a Python process reads of its own installation while it runs."""
    found = {sys.prefix, sys.base_prefix, "/usr/lib", "/usr/share/zoneinfo", "/lib", "/lib64", "/etc/localtime"}
    found |= {"/proc/self", "/dev/null", "/dev/urandom"}
    found |= {p for p in sys.path if p and os.path.isdir(p)}
    return tuple(sorted(found))
