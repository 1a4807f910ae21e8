"""Chance that follows from a row alone: the same row gets the same number however time is cut into steps.

For what is dealt when a thing happens. What is dealt when demand is made has its own generator there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fulfillment_pipelines.twin.world.timing import Seconds

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MODULUS = 2**64
_SHARE_BITS = np.uint64(11)
_SHARE_SCALE = 2.0**-53


def shares(keys: Seconds, salt: int) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each key; another salt gives other numbers (SplitMix64)."""
    state = keys.astype(np.uint64) * _GOLDEN + np.uint64(salt * int(_MIX_1) % _MODULUS)
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    mixed: npt.NDArray[np.uint64] = state ^ (state >> np.uint64(31))
    return (mixed >> _SHARE_BITS).astype(np.float64) * _SHARE_SCALE


def between(keys: Seconds, salt: int, low: int, high: int) -> Seconds:
    """Return a whole number from low up to, but not including, high for each key."""
    return (low + shares(keys, salt) * (high - low)).astype(np.int64)
