"""Karrio 2026.1 as transport management: a process of its own, seeded and read over its interfaces only."""
