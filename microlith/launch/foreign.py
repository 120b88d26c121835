"""Foreign programs: apps that are a command line, started at boot, which attach by themselves.

Such a program is a process of the host outside every domain.  It finds the machine through two
variables of its environment: MICROLITH_CONTROL, the control socket, and MICROLITH_APP, as which app it
attaches (docs/wire.md).
"""

import os
import signal
import subprocess
from pathlib import Path

CONTROL, APP = "MICROLITH_CONTROL", "MICROLITH_APP"
GRACE_S = 1.0


def environment(control: Path, app: str) -> dict[str, str]:
    """The environment of a foreign program."""
    return {**os.environ, CONTROL: str(control), APP: app}


class Foreigners:
    """The foreign programs of one machine that start with it."""

    def __init__(self, run_dir: Path, commands: dict[str, tuple[str, ...]]) -> None:
        self.run_dir, self.commands = run_dir, commands
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start each that does not run."""
        for app, command in self.commands.items():
            old = self._running.get(app)
            if old is not None and old.poll() is None:
                continue
            given = environment(self.run_dir / "control", app)
            with open(self.run_dir / "logs" / f"{app}.log", "ab") as log:
                try:
                    self._running[app] = subprocess.Popen(
                        command, env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                    )
                except OSError as error:
                    log.write(f"cannot start {command[0]}: {error.strerror}\n".encode())

    def stop(self) -> None:
        """End them all: SIGTERM, then SIGKILL."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
