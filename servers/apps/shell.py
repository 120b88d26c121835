"""An interactive console.

    shell [COMMAND [ARGUMENT ...]]

Reads lines from the console and runs them, until its input ends or `exit`; with arguments it runs that
one command.  The commands are in filecommands.py and sessioncommands.py.  Words are split as in a POSIX
shell (quotes, backslash); there are no variables, pipes or patterns.
"""

import os
import posixpath
import shlex
import sys

from microlith.frame.server import App
from microlith.interface.status import Busy, ServerDied, Status
from servers.apps import filecommands, sessioncommands  # noqa: F401 - they fill the table
from servers.apps.commands import COMMANDS, Exit, Mistake, printable
from servers.apps.retry import reason
from servers.clock import Clock
from servers.console import Console
from servers.filesystem import FileSystem
from servers.log import Log
from servers.statuses import EndOfInput

LINE = 65536  # bytes a call of the console


class Shell(App):
    """The console's user: files, time and the log by command."""

    console: Console
    files: FileSystem
    clock: Clock | None = None
    log: Log | None = None

    _directory = b"/"
    _status = 0

    def main(self, *arguments: str) -> int:
        """The exit status is that of the last command, or what `exit` says."""
        try:
            if arguments:
                self._command(list(arguments))
            else:
                self._converse()
        except Exit as end:
            self._status = self._status if end.status is None else end.status
        except Status as status:  # the console itself
            sys.stderr.write(f"shell: {reason(status)}\n")
            return 1
        return self._status

    def _converse(self) -> None:
        while True:
            try:
                self.run(self.console.read_line(printable(self._directory) + b" $ "))
            except EndOfInput:
                return
            except ServerDied:  # the console's next incarnation takes the next call
                continue

    def run(self, line: bytes) -> None:
        """Run one line."""
        try:
            words = shlex.split(line.decode("utf-8", "surrogateescape"), comments=True)
        except ValueError as error:
            self._status = 2
            self.show(b"shell: %s\n" % str(error).lower().encode())
            return
        if words:
            self._command(words)

    def _command(self, words: list[str]) -> None:
        name, *arguments = words
        command = COMMANDS.get(name)
        if command is None:
            self._status = 127
            self.show(b"%s: command not found (try help)\n" % printable(os.fsencode(name)))
            return
        before, self._status = self._status, 0
        try:
            command.function(self, arguments)
        except Exit:
            self._status = before
            raise
        except Mistake as mistake:
            self._status = 2
            self.show(f"{name}: {mistake or 'usage'}: {command.usage}\n".encode("utf-8", "backslashreplace"))
        except Status as status:
            self.complain(name, b"", status)

    # --- what commands use -------------------------------------------------------------------------

    def show(self, data: bytes) -> None:
        """Write all of it; an output that is stopped (^S) is waited for."""
        while data:
            try:
                data = data[self.console.write(data[:LINE]) :]
            except Busy:
                continue

    def complain(self, command: str, path: bytes, error: Exception) -> None:
        """One line on the console; the command has failed."""
        self._status = 1
        where = printable(path) + b": " if path else b""
        self.show(command.encode() + b": " + where + reason(error).encode("utf-8", "backslashreplace") + b"\n")

    def path(self, argument: str) -> bytes:
        """An argument as an absolute path."""
        return posixpath.join(self._directory, os.fsencode(argument))

    @property
    def directory(self) -> bytes:
        """Where relative paths begin."""
        return self._directory

    def enter(self, path: bytes) -> None:
        """Make a directory the one where relative paths begin."""
        self._directory = posixpath.normpath(path).replace(b"//", b"/")
