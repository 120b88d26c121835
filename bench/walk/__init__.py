"""One call, walked: every crossing, copy and wake-up where it happens."""
