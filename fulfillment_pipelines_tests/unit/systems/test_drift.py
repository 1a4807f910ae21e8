from __future__ import annotations

import pytest

from fulfillment_pipelines.errors import BadDataError, InterfaceChangedError
from fulfillment_pipelines.systems.declaration.memory import MemoryEntity
from fulfillment_pipelines.systems.transports.drift import (
    LIKE_NAME_PERCENT,
    name_likeness_percent,
    refuse_missing_fields,
)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("order_no", "order_number", True),
        ("orderNo", "ORDER_NO", True),
        ("uom", "uom_code", True),
        ("effectiveDate", "effective_date", True),
        ("uom", "unit", False),
        ("order_no", "customer_no", False),
        ("qty", "price", False),
    ],
)
def test_names_are_alike_whatever_their_case_and_when_one_has_the_words_of_the_other(
    one: str, other: str, alike: bool
) -> None:
    assert (name_likeness_percent(one, other) >= LIKE_NAME_PERCENT) is alike
    assert name_likeness_percent(one, other) == name_likeness_percent(other, one)


def test_what_is_missing_is_named_with_what_came_in_its_place() -> None:
    declared = MemoryEntity.model_validate(
        {"contract": "items", "fields": ["sku", "uom", "note"], "key": ["sku"], "optional": ["note"]}
    )
    refuse_missing_fields("erp/items", declared, ["sku", "uom"], where="every row")
    with pytest.raises(InterfaceChangedError, match="perhaps uom is now uom_code") as refused:
        refuse_missing_fields("erp/items", declared, ["sku", "uom_code", "colour"], where="every row")
    assert isinstance(refused.value, BadDataError)
    assert (refused.value.missing_fields, refused.value.other_fields) == (("uom",), ("colour", "uom_code"))
