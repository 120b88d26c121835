"""Making a plan run: births, boot, the running machine, its control socket, attaching to it."""
