"""Links between two domains past the kernel, by transport."""
