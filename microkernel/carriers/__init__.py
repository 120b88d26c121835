"""The path through the kernel over transports other than ZeroMQ."""
