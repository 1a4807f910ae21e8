"""A partner's validator and ours give the same verdict on the same content."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fulfillment_pipelines.messages.catalogue import CATALOGUE
from fulfillment_pipelines.messages.fields import MessagePart
from fulfillment_pipelines.messages.json_schema import part_schema

PARTS = [part for message in CATALOGUE.values() for part in (message.payload, message.precondition)]
VALUES = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            -1,
            0,
            1,
            2**70,
            [],
            {},
            "",
            "  ",
            "X-1",
            "USD",
            "usd",
            "IA",
            "CREDIT",
            "POSTED",
            "SHIPPED",
        ),
        *("0", "0.0000", "-0", "-1", "1", "12.5000", "1.00001", "1e3", "+1", " 1", "NaN", "9" * 14, "9" * 15),
        *("2026-03-02T10:00:00Z", "2026-03-02T10:00:00.25+01:00", "2026-03-02T10:00:00", "2026-03-02", "now"),
    ]
)


@cache
def _validator(part: type[MessagePart]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(part_schema(part))


@st.composite
def _contents(draw: st.DrawFn, sample: Callable[..., dict[str, Any]]) -> tuple[type[MessagePart], dict[str, Any]]:
    part = draw(st.sampled_from(PARTS))
    content = sample(part)
    changed = draw(st.dictionaries(st.sampled_from([*content, "colour"]), VALUES, max_size=2))
    dropped = draw(st.sets(st.sampled_from([*content]), max_size=1))
    return part, {name: value for name, value in {**content, **changed}.items() if name not in dropped}


def test_the_schema_and_the_model_agree_on_every_content(sample_of: Callable[..., dict[str, Any]]) -> None:
    verdicts: set[bool] = set()

    @settings(max_examples=2000, deadline=None)
    @given(_contents(sample_of))
    def agree(drawn: tuple[type[MessagePart], dict[str, Any]]) -> None:
        part, content = drawn
        fits = _validator(part).is_valid(content)
        verdicts.add(fits)
        try:
            part.model_validate(content)
        except ValidationError:
            assert not fits
        else:
            assert fits

    agree()
    assert verdicts == {True, False}
