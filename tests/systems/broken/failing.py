raise RuntimeError("it was written\n  on a Monday")
