"""The ledger's password where its address holds none: a reference, read anew at every connection."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from fulfillment_pipelines.ledger.unit_of_work import Ledger


@pytest.mark.parametrize(("password", "asked_each_time"), [(None, 1), ("in the address", 0)])
def test_a_password_that_the_address_does_not_hold_is_asked_for_at_every_connection(
    postgres_url: str, password: str | None, asked_each_time: int
) -> None:
    asked: list[str] = []

    def find() -> SecretStr:
        asked.append("again")
        return SecretStr("rotated")

    url = make_url(postgres_url).set(password=password)
    for connections in (1, 2):
        ledger = Ledger(url.render_as_string(hide_password=False), find)
        with ledger.reading():
            pass
        ledger.close()
        assert len(asked) == connections * asked_each_time
