"""A well-behaved client of the servers under attack: every answer is checked, the slowest round is told."""

import json
import os
import select
import sys
import time
from pathlib import Path

from microlith import Status
from microlith.launch.attach import attach_from


def main():
    control, app = sys.argv[1:3]
    machine = attach_from(Path(control), app)
    files, pot, name = machine.files, machine.pot, b"/by%d" % os.getpid()
    rounds, wrong, slowest, statuses = 0, 0, 0.0, []
    say(ready=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        started = time.monotonic()
        content = b"%d" % rounds * 100
        try:
            file = files.create(name)
            file.truncate(0)
            file.write(0, content)
            wrong += file.read(0, 10000) != content
            file.close()
            wrong += pot.echo(content) != content
            thing = pot.make()
            wrong += thing.name() != 7
            del thing
        except Status as status:
            statuses.append(f"{type(status).__name__}: {status}")
        rounds += 1
        slowest = max(slowest, time.monotonic() - started)
        if rounds % 20 == 0:
            say(rounds=rounds)
    say(rounds=rounds, wrong=wrong, slowest=slowest, statuses=statuses[:20], done=True)
    machine.close()


def say(**what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
