"""The microkernel: pure core, ZeroMQ broker, and the architectures on it."""
