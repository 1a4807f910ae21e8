from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.timing import read_timing_policy

SHIPPED = Path(__file__).parents[3] / "data" / "seeds" / "timing.yaml"


def test_the_shipped_policy_never_alarms_before_the_rule_book_asks_for_it() -> None:
    assert read_timing_policy(SHIPPED).floor_ratio >= 1


@pytest.mark.parametrize(
    ("line", "other", "told"),
    [
        ("minimum_samples: 200", "minimum_samples: 0", r"timing\.yaml:9.*greater than 0"),
        ("margin: 1.25", "margin: wide", r"timing\.yaml:10"),
        ("floor_ratio: 1", "floor_ratio: 3", "must not be above ceiling_ratio"),
        ("window_days: 90", "window: 90", r"timing\.yaml"),
    ],
    ids=["too small", "not a number", "bounds that cross", "a name that is not known"],
)
def test_a_wrong_value_is_told_by_file_and_line(tmp_path: Path, line: str, other: str, told: str) -> None:
    policy = tmp_path / "timing.yaml"
    policy.write_text(SHIPPED.read_text(encoding="utf-8").replace(line, other), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        read_timing_policy(policy)
