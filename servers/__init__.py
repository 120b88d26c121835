"""The parts of the operating system, written once."""
