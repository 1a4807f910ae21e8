"""`fulfillment timing`: how long systems take to follow each other, and how well that tells timing from a break."""

from __future__ import annotations

import typer

from fulfillment_pipelines.commands.opening import Config, reading_lake
from fulfillment_pipelines.commands.output import AsJson, show_json, show_rows

app = typer.Typer()

_LAGS = """
    select
        pair, node, sample_count, p50_seconds, p95_seconds, p99_seconds, longest_seconds, default_seconds, late_count
    from rec_lags
    order by pair, node
"""
_QUALITY = """
    select
        code, node, alarm_count, false_alarm_count, late_detection_count, median_wait_seconds, median_healing_seconds,
        healing_p99_seconds
    from mart_timing_quality
    order by code, node
"""


@app.command()
def timing(config: Config = None, as_json: AsJson = False) -> None:
    """Show the lags that were learned, and the false alarms and late detections of each rule.

    Example: fulfillment timing --json
    """
    with reading_lake(config) as warehouse:
        lags, quality = (warehouse.query(statement).to_pylist() for statement in (_LAGS, _QUALITY))
    if as_json:
        show_json({"lags": lags, "quality": quality})
        return
    show_rows("Lags between systems", lags, as_json=False, empty="none seen yet")
    show_rows("How well timing tells a break", quality, as_json=False, empty="no case yet")
