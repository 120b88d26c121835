"""The language in which a system is written: interfaces, values, statuses, needs, devices."""
