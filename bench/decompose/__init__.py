"""Path and transport, apart: what each is of the difference between `mach` and `l4`."""
