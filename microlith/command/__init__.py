"""The command `microlith`: one file a command, data on stdout, messages on stderr."""
