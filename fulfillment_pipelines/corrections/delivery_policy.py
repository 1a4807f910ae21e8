"""How approved corrections are delivered. Numbers are in `data/seeds/delivery.yaml`.

Whether a correction is made at all belongs in `policy`; what an attempt leads to, in `progress`.
"""

from __future__ import annotations

from pydantic import PositiveInt

from fulfillment_pipelines.exceptions.seeds import Seed


class DeliveryLimits(Seed):
    """Attempts, waits and leases. Times in seconds."""

    attempts: PositiveInt
    read_backs: PositiveInt
    first_backoff_seconds: PositiveInt
    longest_backoff_seconds: PositiveInt
    poll_seconds: PositiveInt
    lease_seconds: PositiveInt


class DeliveryPolicy(Seed):
    """The content of `delivery.yaml`.

    Attributes:
        version: Raised with every change of the file.
        read_back_first: Messages that repeat what may already have happened: the target is looked at before the
            first send. So it is for every correction of class R.
        limits: What holds for every target.
    """

    version: PositiveInt
    read_back_first: frozenset[str]
    limits: DeliveryLimits
