"""Domains as processes: how one is born, confined, handed its devices, and ended."""
