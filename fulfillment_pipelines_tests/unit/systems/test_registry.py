from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import fulfillment_pipelines.systems as package
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.snapshot import Role, Scope
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, SystemDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemorySystem
from fulfillment_pipelines.systems.port import System
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry

DECLARED = Path(package.__file__).parent / "declared"
NAMES = ("erp", "portal", "wms_east", "wms_west", "wms_north", "finance")
CLOCK = FixedClock(datetime(2026, 3, 2, tzinfo=UTC))


def registry(*names: str, **options: Any) -> Registry:
    paths = [DECLARED / f"{name}.yaml" for name in names or NAMES]
    return Registry.load(paths, References({}), CLOCK, **options)


def memory(name: str = "site", role: str = "wms", node: str = "") -> MemorySystem:
    entity = {"contract": "orders", "fields": ["id"], "key": ["id"]}
    declaration = MemoryDeclaration.model_validate(
        {
            "system": name,
            "title": name,
            "role": role,
            "node": node,
            "contract_version": "1",
            "freshness_seconds": 60,
            "entities": {"orders": entity},
        }
    )
    return MemorySystem(declaration, CLOCK, {"orders": [{"id": "1"}]})


def test_feeds_are_listed_as_declared() -> None:
    feeds = registry("portal", "finance").entities()
    assert [feed.name for feed in feeds] == [
        "portal/orders",
        "portal/order_items",
        "portal/order_statuses",
        "finance/invoice_lines",
        "finance/holds",
        "finance/credit_accounts",
    ]
    assert feeds[0].declared.contract == "orders"


def test_loading_and_finding_opens_nothing_and_resolves_nothing() -> None:
    with registry() as loaded:
        assert loaded.systems == NAMES
        for feed in loaded.entities():
            assert loaded.source(feed.system, feed.entity).name == feed.name
        assert loaded.sink("erp").system == "erp"


def test_reference_is_missed_at_first_use_only() -> None:
    with registry("erp") as loaded, pytest.raises(ConfigurationError, match="ERP_URL"):
        loaded.source("erp", "orders").pull(Scope())


@pytest.mark.parametrize(
    ("role", "node", "name"),
    [
        (Role.WMS, "NORTH", "wms_north"),
        (Role.ERP, "", "erp"),
        (Role.ERP, "NORTH", "erp"),
        (Role.CHANNEL, "EAST", "portal"),
    ],
)
def test_system_is_found_by_its_role_and_node(role: Role, node: str, name: str) -> None:
    assert registry().system_for(role, node) == name


@pytest.mark.parametrize(
    ("role", "node", "found"), [(Role.WMS, "", "none"), (Role.CRM, "", "none"), (Role.WMS, "SOUTH", "none")]
)
def test_role_that_nobody_has_is_a_configuration_error(role: Role, node: str, found: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        registry().system_for(role, node)
    assert raised.value.found == found


def test_role_that_two_systems_have_is_a_configuration_error() -> None:
    systems = [memory("a"), memory("b")]
    loaded = Registry([system.declaration for system in systems], References({}), CLOCK, ready_made=systems)
    with pytest.raises(ConfigurationError) as raised:
        loaded.system_for(Role.WMS)
    assert raised.value.found == "a, b"


def test_of_two_systems_of_one_role_the_one_that_takes_the_message_is_meant() -> None:
    with registry("portal", "edi") as loaded:
        assert loaded.system_for(Role.CHANNEL, message="edi.resend") == "edi"
        with pytest.raises(
            ConfigurationError, match=r"'channel' is not held by exactly one system that takes 'pallet'"
        ):
            loaded.system_for(Role.CHANNEL, message="pallet")


@pytest.mark.parametrize(
    ("system", "entity", "said"),
    [("crm", "cases", "no system named 'crm'"), ("erp", "cases", "'erp' declares no entity 'cases'")],
)
def test_feed_that_is_not_declared_is_a_configuration_error(system: str, entity: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        registry().source(system, entity)


def test_two_systems_of_one_name_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="Two systems are named 'erp'"):
        registry("erp", "erp")


def test_ready_made_system_stands_in_for_the_declared_one() -> None:
    stand_in = memory("erp", role="erp")
    with registry("erp", "portal", ready_made=[stand_in]) as loaded:
        assert len(loaded.source("erp", "orders").pull(Scope()).pages) == 1


def test_ready_made_system_that_is_not_declared_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="no system named 'site'"):
        registry("erp", ready_made=[memory()])


def test_memory_system_that_is_not_handed_over_is_a_configuration_error() -> None:
    loaded = Registry([memory().declaration], References({}), CLOCK)
    with pytest.raises(ConfigurationError, match="was not handed over"):
        loaded.sink("site")


class Counting(MemorySystem):
    closed = 0

    def close(self) -> None:
        type(self).closed += 1
        raise RuntimeError("cannot close")


def test_system_is_connected_once_and_every_system_is_closed_even_when_one_cannot_be() -> None:
    made: list[str] = []

    def connect(declaration: SystemDeclaration, _references: References, clock: FixedClock) -> System:
        made.append(declaration.name)
        return Counting(memory(declaration.name).declaration, clock)

    loaded = registry("erp", "portal", connect=connect)
    loaded.source("erp", "orders")
    loaded.check("erp")
    loaded.check("portal")
    with pytest.raises(RuntimeError, match="cannot close"):
        loaded.close()
    assert (made, Counting.closed) == (["erp", "portal"], 2)


def test_declaration_is_found_by_name() -> None:
    assert registry().declaration("erp") == load_declaration(DECLARED / "erp.yaml")
    assert list(registry().declarations) == list(NAMES)


def sharing(**owns: dict[str, list[str]] | None) -> Registry:
    """A registry of ERPs, by what they own."""
    systems = [memory(name, role="erp") for name in owns]
    declared = [
        MemoryDeclaration.model_validate(system.declaration.model_dump() | {"owns": owns[system.name]})
        for system in systems
    ]
    return Registry(declared, References({}), CLOCK, ready_made=systems)


def test_order_belongs_to_the_system_that_is_declared_to_own_its_number_or_its_site() -> None:
    shared = sharing(old={"order_prefixes": ["SO-"]}, new={"order_prefixes": ["C-", "D-"]})
    assert shared.system_for(Role.ERP, order_id="SO-1") == "old"
    assert shared.system_for(Role.ERP, order_id="D-1") == "new"
    by_site = sharing(old={"nodes": ["EAST"]}, new={"nodes": ["WEST", "NORTH"]})
    assert by_site.system_for(Role.ERP, "NORTH", order_id="SO-1") == "new"
    with pytest.raises(ConfigurationError, match="not held by exactly one system"):
        shared.system_for(Role.ERP, order_id="X-1")


def test_order_that_no_declaration_tells_is_where_it_was_seen_and_has_moved_when_it_was_seen_twice() -> None:
    shared = sharing(old=None, new=None)
    for seen_in, expected in ((["old"], "old"), (["new"], "new"), (["new", "old"], "new")):
        assert shared.system_for(Role.ERP, order_id="SO-1", holders=lambda seen=seen_in: seen) == expected
    with pytest.raises(ConfigurationError, match="old, new"):
        shared.system_for(Role.ERP, order_id="SO-1")
    with pytest.raises(ConfigurationError, match="old, new"):
        shared.system_for(Role.ERP)


def test_where_an_order_was_seen_is_not_asked_when_one_system_has_the_role() -> None:
    def never() -> list[str]:
        raise AssertionError("asked")

    assert sharing(old=None).system_for(Role.ERP, order_id="SO-1", holders=never) == "old"
