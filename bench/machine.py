"""On what a benchmark was run: the line that stands below its title."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime


def machine() -> str:
    """Return Python, processors, kind of machine and date."""
    made_at = f"{datetime.now(UTC):%Y-%m-%d}"
    kind = f"{platform.system()} {platform.machine()}"
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {kind}, {made_at}"


def measured_on() -> str:
    """Return the machine, and its load of the last five minutes: CPU seconds rise with what others do."""
    return f"{machine()}, load {os.getloadavg()[1]:.1f}"
