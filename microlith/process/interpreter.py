"""New interpreters: how one is started that finds what we find, and the zygote, which is one.

This module imports next to nothing, so that a root can start its zygote before it imports the rest.
"""

import os
import socket
import sys


def interpreter(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of a new interpreter that runs a module.

    It is started without `site`, whose path files cost up to 50 ms; our own search path goes along.
    """
    own = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(dict.fromkeys((*(p for p in sys.path if p), own)))
    return [sys.executable, "-S", "-m", module, *arguments], {**os.environ, "PYTHONPATH": path}


def start_zygote() -> tuple[int, socket.socket]:
    """A new zygote, which prepares itself when it is told for what; its pid and our end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.set_inheritable(theirs.fileno(), True)
    command, environment = interpreter("microlith.process.zygote", str(theirs.fileno()))
    pid = os.posix_spawn(command[0], command, environment)
    theirs.close()
    return pid, ours


def main() -> None:
    """The entry of a root's process: `CONTROL` (a descriptor) and, if it will make domains, `zygote`."""
    zygote = start_zygote() if "zygote" in sys.argv[2:] else None
    from microlith.process import root

    os._exit(root.main(int(sys.argv[1]), zygote))


if __name__ == "__main__":
    main()
