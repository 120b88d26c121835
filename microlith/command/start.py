"""The first steps of `microlith`: while the command is being imported, an interrupt ends it without a word."""

import os
import signal

INTERRUPTED = 130


def main() -> None:
    """Import the command, and run it."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # and not ignored, as in the background
    if ours:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from microlith.command.main import main as command

    try:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        command()
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
