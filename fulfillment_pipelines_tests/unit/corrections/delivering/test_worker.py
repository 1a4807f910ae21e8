from __future__ import annotations

import subprocess
import sys

from fulfillment_pipelines.corrections.delivering.worker import new_worker_name, worker_is_gone


def test_the_worker_of_a_living_process_is_not_gone() -> None:
    assert not worker_is_gone(new_worker_name())


def test_the_worker_of_a_process_that_ended_is_gone() -> None:
    script = "from fulfillment_pipelines.corrections.delivering.worker import new_worker_name; print(new_worker_name())"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert worker_is_gone(ended.stdout.strip())


def test_the_worker_of_another_machine_is_left_to_its_lease() -> None:
    assert not worker_is_gone("elsewhere/1/abc")


def test_a_name_that_tells_no_process_is_left_to_its_lease() -> None:
    assert not worker_is_gone("nightly")


def test_two_dispatchers_of_one_process_have_two_names() -> None:
    assert new_worker_name() != new_worker_name()
