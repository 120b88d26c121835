"""Workloads, measurements, the comparison."""
