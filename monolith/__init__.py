"""One address space: library OS and monolith."""
