"""The console's tests without a browser: the lived distributor and who visits its console."""

from __future__ import annotations

from fulfillment_pipelines_tests.lived_console import Visitor, console, lived_runtime, visitor

__all__ = ["Visitor", "console", "lived_runtime", "visitor"]
