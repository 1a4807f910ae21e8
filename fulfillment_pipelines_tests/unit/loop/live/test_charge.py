"""One live loop a deployment, and what others may count on."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.loop.live.charge import HEARTBEAT, in_charge, is_in_charge
from fulfillment_pipelines.loop.live.status import LiveStatus, read_status, write_status

_NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_HOLDER = """
import sys
from pathlib import Path
from fulfillment_pipelines.loop.live.charge import in_charge
with in_charge(Path(sys.argv[1])):
    print("in charge", flush=True)
    sys.stdin.read()
"""


def _beat(folder: Path, at: datetime) -> None:
    write_status(folder, LiveStatus(process_id=1, began_at=at, beat_at=at))


def test_two_loops_are_never_in_charge_at_once_and_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in charge\n"
        with pytest.raises(RejectedError, match="Another live loop"), in_charge(tmp_path):
            pass
        assert is_in_charge(tmp_path, _NOW)
        other.kill()
    assert not is_in_charge(tmp_path, _NOW)
    with in_charge(tmp_path):
        pass


def test_a_loop_that_holds_the_lock_and_does_not_show_itself_is_not_counted_on(tmp_path: Path) -> None:
    with in_charge(tmp_path):
        _beat(tmp_path, _NOW)
        assert is_in_charge(tmp_path, _NOW + HEARTBEAT - timedelta(seconds=1))
        assert not is_in_charge(tmp_path, _NOW + HEARTBEAT + timedelta(seconds=1))


def test_a_status_of_another_version_is_none_and_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not is_in_charge(tmp_path, _NOW)
    assert list(tmp_path.iterdir()) == []
    _beat(tmp_path, _NOW)
    status = read_status(tmp_path)
    assert status is not None
    assert status.beat_at == _NOW
    (file,) = tmp_path.iterdir()
    file.write_text('{"process_id": 1, "of_another": "version"}', encoding="utf-8")
    assert read_status(tmp_path) is None
