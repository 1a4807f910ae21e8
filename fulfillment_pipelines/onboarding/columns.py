"""Guess one column: how well a field would do for it, and what must be done to the field's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType
from fulfillment_pipelines.onboarding.samples import SampledField, Written
from fulfillment_pipelines.onboarding.shapes import Seen, Shape
from fulfillment_pipelines.onboarding.synonyms import Thesaurus, Words

_SAME_NAME: Final = 0.99
_SAME_MEANING: Final = 0.95
_IN_CONTEXT: Final = 0.9
_DETAIL: Final = "line"
_UNIT: Final = "uom"
_CODE_SURE_ENOUGH: Final = 0.75
_ZONE_UNSURE: Final = 0.5

# How well a shape serves a type; what is not listed serves it as well as any.
_FIT: Final = {
    (ColumnType.INSTANT, Shape.TEXT): 0.2,
    (ColumnType.INSTANT, Shape.CODE): 0.2,
    (ColumnType.INSTANT, Shape.INTEGER): 0.3,
    (ColumnType.INSTANT, Shape.NUMBER): 0.2,
    (ColumnType.INTEGER, Shape.TEXT): 0.2,
    (ColumnType.INTEGER, Shape.CODE): 0.2,
    (ColumnType.INTEGER, Shape.NUMBER): 0.8,
    (ColumnType.INTEGER, Shape.INSTANT): 0.1,
    (ColumnType.TEXT, Shape.INSTANT): 0.2,
    (ColumnType.TEXT, Shape.NUMBER): 0.5,
}
_AMOUNTS: Final = (ColumnType.QUANTITY, ColumnType.AMOUNT, ColumnType.PRICE)
_AMOUNT_FIT: Final = {Shape.TEXT: 0.2, Shape.CODE: 0.2, Shape.INSTANT: 0.1}
_TOO_MANY_CODES_FIT: Final = 0.4


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """Where a column of a contract is taken to come from.

    Attributes:
        column: The column.
        field: The source's field.
        sure: How sure that is, its codes included.
        mapped: What stands in the mapping.
        remark: What a reader should look at; empty for nothing.
        unknown_codes: Values of the field for which no code of the contract was found.
    """

    column: str
    field: str
    sure: float
    mapped: Written
    remark: str = ""
    unknown_codes: tuple[str, ...] = ()


def likeness(column: Column, field: SampledField, seen: Seen, entity_words: Words, thesaurus: Thesaurus) -> float:
    """Return how well a field would do for a column, from 0 to 1.

    Args:
        column: The column of the contract.
        field: The source's field.
        seen: What its values look like.
        entity_words: What its list is called: `number` in a list of shipments is the shipment's number.
        thesaurus: The words that other systems use.
    """
    words = thesaurus.words_of(field.name)
    same = _SAME_NAME if field.name.casefold() == column.name else _SAME_MEANING
    score = same * thesaurus.nearness("column", column.name, words)
    if _DETAIL not in entity_words:
        in_context = thesaurus.nearness("column", column.name, (*entity_words, *words), whole=True)
        score = max(score, _IN_CONTEXT * in_context)
    return score * _fit(column, seen)


def _fit(column: Column, seen: Seen) -> float:
    if column.codes and not seen.codes and seen.shape in {Shape.TEXT, Shape.INTEGER, Shape.NUMBER}:
        return _TOO_MANY_CODES_FIT
    if column.type in _AMOUNTS:
        return _AMOUNT_FIT.get(seen.shape, 1.0)
    return _FIT.get((column.type, seen.shape), 1.0)


def guess_value(column: Column, field: str, sure: float, seen: Seen, thesaurus: Thesaurus) -> ColumnGuess:
    """Return what stands in the mapping for a column, given its field and what its values look like."""
    if column.codes:
        return _with_codes(column, field, sure, seen, thesaurus)
    if column.type is ColumnType.INSTANT:
        return _with_time(column, field, sure, seen)
    if column.type is not ColumnType.TEXT and seen.decimal:
        return ColumnGuess(column.name, field, sure, {"field": field, "decimal": seen.decimal})
    remark = (
        f"holds {', '.join(seen.codes)}: does the unit crosswalk know it?"
        if column.name == _UNIT and seen.codes
        else ""
    )
    return ColumnGuess(column.name, field, sure, field, remark)


def _with_time(column: Column, field: str, sure: float, seen: Seen) -> ColumnGuess:
    if seen.epoch:
        return ColumnGuess(column.name, field, sure, {"field": field, "epoch": seen.epoch})
    if seen.names_zone:
        return ColumnGuess(column.name, field, sure, field)
    remark = "the values name no zone: is it UTC?" if seen.shape is Shape.INSTANT else "no value was seen: is it UTC?"
    written: dict[str, Written] = {"field": field}
    if seen.time_format:
        written["format"] = seen.time_format
    return ColumnGuess(column.name, field, min(sure, _ZONE_UNSURE), {**written, "zone": "UTC"}, remark)


def _with_codes(column: Column, field: str, sure: float, seen: Seen, thesaurus: Thesaurus) -> ColumnGuess:
    if not seen.codes:
        return ColumnGuess(column.name, field, sure, field, "no value was seen: which codes does it hold?")
    if set(seen.codes) <= set(column.codes):
        return ColumnGuess(column.name, field, sure, field)
    codes: dict[str, Written] = {}
    unknown: list[str] = []
    for value in seen.codes:
        ours, near = _nearest_code(column, value, thesaurus)
        if near >= _CODE_SURE_ENOUGH:
            codes[value] = ours
            sure = min(sure, near)
        else:
            unknown.append(value)
    return ColumnGuess(
        column.name, field, sure, {"field": field, "codes": codes} if codes else field, unknown_codes=tuple(unknown)
    )


def _nearest_code(column: Column, value: str, thesaurus: Thesaurus) -> tuple[str, float]:
    if value.upper() in column.codes:
        return value.upper(), 1.0
    words = thesaurus.words_of(value)
    scored = ((code, thesaurus.nearness("code", code, words)) for code in column.codes)
    return max(scored, key=lambda item: item[1])
