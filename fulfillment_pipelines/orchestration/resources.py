"""What a run of Dagster works with: the platform, opened once a run and closed when it ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import dagster as dg

from fulfillment_pipelines.errors import FulfillmentError, RetryableError
from fulfillment_pipelines.loop.platform import Platform

PlatformMaker: TypeAlias = Callable[[], Platform]
"""Builds a platform without connecting to anything."""

LAKE_POOL: Final = "lake_writer"
"""Concurrency pool of everything that writes the lake; `dagster.yaml` allows one run in each pool."""

PATIENCE: Final = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""A step that failed for a passing reason is run again after 2, 6 and 14 seconds, more or less."""


def platform_resource(make_platform: PlatformMaker) -> dg.ResourceDefinition:
    """Return the resource `platform`: prepared when a run begins, closed when it ends."""

    @dg.resource(description="The loop's platform: lake, ledger and systems.")
    def opened(_context: dg.InitResourceContext) -> Iterator[Platform]:
        with make_platform() as platform:
            platform.prepare()
            yield platform

    return opened


@contextmanager
def failures_told() -> Iterator[None]:
    """Let a failure of the loop end its step at once and in its own words, unless trying again may help."""
    try:
        yield
    except RetryableError:
        raise
    except FulfillmentError as error:
        raise dg.Failure(
            description=error.what,
            metadata={"expected": error.expected, "found": error.found, "remedy": error.remedy},
            allow_retries=False,
        ) from error
