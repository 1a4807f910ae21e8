from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from fulfillment_pipelines.systems.transports.instants import instant_of, instant_text

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T09:00:00Z",
        "2026-03-02T10:00:00+01:00",
        "2026-03-02 09:00",
        "20260302T090000",
        " 2026-03-02T09:00:00 ",
        NINE,
        NINE.replace(tzinfo=None),
        NINE.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_instant_is_utc_however_it_is_written(written: object) -> None:
    read = instant_of(written)
    assert (read, read.utcoffset()) == (NINE, timedelta(0))


@pytest.mark.parametrize("written", ["noon", "", None, 20260302, {}])
def test_what_is_no_instant_is_a_value_error(written: object) -> None:
    with pytest.raises(ValueError, match=r"instant|isoformat"):
        instant_of(written)


def test_text_of_an_instant_reads_back_as_the_same() -> None:
    assert instant_text(NINE.astimezone(timezone(timedelta(hours=3)))) == "2026-03-02T09:00:00Z"
    assert instant_of(instant_text(NINE)) == NINE
