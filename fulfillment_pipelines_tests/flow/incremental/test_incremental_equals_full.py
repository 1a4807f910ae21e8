"""Incremental equals full: random worlds, random changes, two lakes that must say the same after every step.

The lakes are scratch lakes, since what is tested is which keys are revisited, not how rows are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

_SEEDS = st.integers(0, 2**32 - 1)
_KINDS = ("replaced", "replaced", "altered", "altered", "altered", "deleted", "repeated", "as before")


@st.composite
def _steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw what happens, in plain values: the world's own types are made where the world is."""
    step = st.fixed_dictionaries(
        {
            "changes": st.lists(st.tuples(st.sampled_from(_KINDS), _SEEDS), min_size=2, max_size=8),
            "minutes": st.sampled_from([-30, 1, 5, 30, 90, 1500]),
            "pulled": st.lists(st.integers(0, 20), max_size=3).map(tuple),
            "down": st.integers(0, 25),
            "breaks_off": st.integers(0, 25),
        }
    )
    return draw(st.lists(step, min_size=2, max_size=4))


@given(seed=_SEEDS, steps=_steps())
# A failing world is shown as it was found: shrinking it would take many times as long as finding it.
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_what_an_incremental_run_says_is_what_a_full_run_says(
    open_world: Callable[[], Any], make_step: Callable[..., Any], seed: int, steps: list[dict[str, Any]]
) -> None:
    with open_world() as world:
        world.begin(seed)
        assert world.disagreements() == {}
        for step in steps:
            world.step(make_step(**step))
            assert world.disagreements() == {}
