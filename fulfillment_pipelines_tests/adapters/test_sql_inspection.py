"""A live PostgreSQL database shows its tables, keys and rows, and is neither written nor waited for."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import make_url

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.onboarding.from_database import sample_database
from fulfillment_pipelines.onboarding.samples import SampledField
from fulfillment_pipelines.systems.references import References

TABLES = """
    create schema warehouse;
    create type pick_state as enum ('waiting', 'done');
    create table warehouse.orders (id serial primary key, number text unique);
    create table warehouse.picks (
        pick_no text, pos integer, order_ref integer references warehouse.orders (id), qty numeric(12, 3),
        state pick_state, departed_at timestamptz, booked_at timestamp, extra jsonb, label bytea,
        primary key (pick_no, pos)
    );
    insert into warehouse.orders (number) values ('SO-1');
    insert into warehouse.picks
    values ('P-1', 1, 1, 2.500, 'done', '2026-03-02 10:00+01', '2026-03-02 10:00', '{"a": 1}', '\\x00');
    create view warehouse.open_picks as select pick_no from warehouse.picks where state = 'waiting';
"""


@pytest.fixture
def warehouse(postgres_database_url: str) -> str:
    with psycopg.connect(postgres_database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(TABLES)
    return postgres_database_url


def test_tables_views_keys_references_and_values_are_seen(warehouse: str) -> None:
    sampled = sample_database("wms", warehouse, References({}), role="wms", rows=10, schema="warehouse")
    lists = {entity.name: entity for entity in sampled.entities}
    assert set(lists) == {"warehouse.orders", "warehouse.picks", "warehouse.open_picks"}
    picks = lists["warehouse.picks"]
    assert picks.key == ("pick_no", "pos")
    assert picks.address == {"table": "warehouse.picks"}
    fields = {field.name: field for field in picks.fields}
    assert "label" not in fields
    assert fields["order_ref"] == SampledField("order_ref", ("1",), number=True, refers_to="orders.id")
    assert fields["qty"] == SampledField("qty", ("2.500",), number=True)
    assert fields["state"].values == ("done",)
    assert fields["departed_at"] == SampledField(
        "departed_at", ("2026-03-02 09:00:00+00:00",), instant=True, zoned=True
    )
    assert fields["booked_at"] == SampledField("booked_at", ("2026-03-02 10:00:00",), instant=True)


def test_a_schema_that_is_not_there_has_no_tables(warehouse: str) -> None:
    assert sample_database("wms", warehouse, References({}), role="wms", rows=10, schema="absent").entities == ()


def test_an_address_that_cannot_be_used_is_not_repeated(warehouse: str) -> None:
    address = warehouse.replace("postgresql+psycopg://", "postgresql+absent://")
    with pytest.raises(ConfigurationError) as raised:
        sample_database("wms", address, References({}), role="wms", rows=10)
    assert address not in str(raised.value)


def test_a_table_that_our_user_may_not_read_hides_no_other(warehouse: str) -> None:
    with psycopg.connect(warehouse.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("create role looking login")
        try:
            owner.execute("grant usage on schema warehouse to looking")
            owner.execute("grant select on warehouse.picks, warehouse.open_picks to looking")
            address = make_url(warehouse).set(username="looking").render_as_string(hide_password=False)
            sampled = sample_database("wms", address, References({}), role="wms", rows=10, schema="warehouse")
        finally:
            owner.execute("drop owned by looking")
            owner.execute("drop role looking")
    assert {entity.name for entity in sampled.entities} == {"warehouse.picks", "warehouse.open_picks"}
    assert sampled.remarks == ("left out: orders cannot be read: permission denied for table orders",)
