"""Which real systems a test run starts: PostgreSQL and both Trytons always, the others in `make test-systems`."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out, and report as deselected, what takes minutes; nothing is passed over in silence."""
    if os.environ.get("ALL_REAL_SYSTEMS"):
        return
    slow = [item for item in items if item.get_closest_marker("only_in_test_systems")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
