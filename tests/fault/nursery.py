"""Attached clients by the dozen: python nursery.py CONTROL.

For each line it reads, a seed, a child attaches, works (clients_parts.py) and is killed sometime by whoever
started this; its pid is written when it is attached.
"""

import os
import signal
import sys
from pathlib import Path

from microlith.launch.attach import attach_from
from tests.fault.clients_parts import work


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                machine = attach_from(Path(sys.argv[1]), "client")
                os.write(1, b"%d\n" % os.getpid())
                work(machine.desk, machine.files, int(line))
            finally:
                os._exit(1)


if __name__ == "__main__":
    main()
