"""Guesses are good enough to start from, and say how sure they are; the shipped declarations are the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.onboarding.columns import guess_value
from fulfillment_pipelines.onboarding.guessing import EntityGuess, guess_role, guess_system
from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField
from fulfillment_pipelines.onboarding.shapes import Shape, is_unique, look_at
from fulfillment_pipelines.onboarding.synonyms import Thesaurus, shipped_thesaurus
from fulfillment_pipelines.systems.declaration import SystemDeclaration, load_declaration

ROOT = Path(__file__).resolve().parents[3]
DECLARED = sorted((ROOT / "fulfillment_pipelines" / "systems" / "declared").glob("*.yaml"))


@pytest.fixture(scope="module")
def thesaurus() -> Thesaurus:
    return shipped_thesaurus()


def _lists(declaration: SystemDeclaration) -> tuple[SampledEntity, ...]:
    return tuple(
        SampledEntity(name, tuple(SampledField(field) for field in entity.fields))
        for name, entity in declaration.entities.items()
    )


def _truth(system: str, entity: str) -> dict[str, str]:
    """The columns that the shipped SQL takes from one field each."""
    file = ROOT / "sql" / "10_snapshots" / f"snap_{system}__{entity}.sql"
    found = {}
    for column in sqlglot.parse_one(file.read_text(encoding="utf-8"), read="duckdb").selects:
        sources = {source.name for source in column.find_all(exp.Column)}
        if len(sources) == 1 and column.alias_or_name != "landed_row_no":
            found[column.alias_or_name] = sources.pop()
    return found


def _guessed(thesaurus: Thesaurus) -> Iterator[tuple[SystemDeclaration, dict[str, EntityGuess]]]:
    for file in DECLARED:
        declaration = load_declaration(file)
        role, node = declaration.role.value, declaration.node
        placed, _ = guess_system(_lists(declaration), thesaurus, role=role, node=node)
        yield declaration, {guess.entity.name: guess for guess in placed}


def test_the_contracts_of_the_shipped_systems_are_guessed_from_names_alone(thesaurus: Thesaurus) -> None:
    wrong = [
        f"{declaration.name}/{name}"
        for declaration, guesses in _guessed(thesaurus)
        for name, entity in declaration.entities.items()
        if name not in guesses or guesses[name].contract.name != entity.contract
    ]
    assert wrong == []


def test_nine_columns_of_ten_of_the_shipped_systems_are_guessed_from_names_alone(thesaurus: Thesaurus) -> None:
    right = asked = 0
    for declaration, guesses in _guessed(thesaurus):
        for name, guess in guesses.items():
            found = {column.column: column.field for column in guess.columns}
            truth = _truth(declaration.name, name)
            asked += len(truth)
            right += sum(found.get(column) == field for column, field in truth.items())
    assert asked > 300
    assert right / asked > 0.9


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("AuftragsNr", ("order", "number")),
        ("Auftragsnummer", ("order", "number")),
        ("numéro_de_commande", ("number", "from", "order")),
        ("LIEFERMENGE", ("delivery", "quantity")),
        ("cantidad pedida", ("quantity", "ordered")),
        ("Währung", ("currency",)),
        ("shippedAt", ("shipped", "date")),
        ("SKUCode", ("item", "code")),
        ("xyz", ("xyz",)),
    ],
)
def test_names_of_several_languages_become_words_of_ours(
    thesaurus: Thesaurus, name: str, words: tuple[str, ...]
) -> None:
    assert thesaurus.words_of(name) == words


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            ["Lieferschein-Nr", "Auftragsnummer", "Position", "Artikelnummer", "ME", "Menge", "Versanddatum"],
            ["shipment_id", "order_id", "line_no", "sku", "uom", "shipped_qty", "shipped_at"],
        ),
        (
            ["no_expedition", "no_commande", "ligne", "article", "unité", "quantité", "date_expédition"],
            ["shipment_id", "order_id", "line_no", "sku", "uom", "shipped_qty", "shipped_at"],
        ),
        (
            ["num_envio", "num_pedido", "linea", "articulo", "unidad", "cantidad", "fecha_envio"],
            ["shipment_id", "order_id", "line_no", "sku", "uom", "shipped_qty", "shipped_at"],
        ),
    ],
)
def test_shipments_are_recognised_in_german_french_and_spanish(
    thesaurus: Thesaurus, fields: list[str], expected: list[str]
) -> None:
    entity = SampledEntity("Versand", tuple(SampledField(field) for field in fields))
    ((guess,), _) = guess_system([entity], thesaurus, role="wms", node="SOUTH")
    assert guess.contract.name == "shipment_lines"
    assert {column.column: column.field for column in guess.columns} == dict(zip(expected, fields, strict=True))
    assert guess.missing == {}


def test_what_fits_no_contract_is_left_out_with_its_reason(thesaurus: Thesaurus) -> None:
    users = SampledEntity("users", (SampledField("login"), SampledField("password_hash")))
    placed, (left,) = guess_system([users], thesaurus, role="wms", node="")
    assert placed == ()
    assert left.reason == "fits no contract well enough"


def test_a_contract_is_given_to_one_list_only(thesaurus: Thesaurus) -> None:
    fields = tuple(SampledField(name) for name in ("article", "unit", "on_hand", "reserved", "free"))
    lists = [SampledEntity("stock", fields), SampledEntity("stock_copy", fields)]
    (guess,), (left,) = guess_system(lists, thesaurus, role="wms", node="SOUTH")
    assert (guess.entity.name, left.entity.name) == ("stock", "stock_copy")
    assert left.reason == "stock fits stock_levels better"


def test_the_role_is_that_of_the_contracts_that_were_found(thesaurus: Thesaurus) -> None:
    for file in DECLARED:
        declaration = load_declaration(file)
        if declaration.name in {"tms", "finance", "wms_east", "crm"}:
            assert guess_role(_lists(declaration), thesaurus, node=declaration.node)[0] == declaration.role.value


@pytest.mark.parametrize(
    ("values", "shape", "seen"),
    [
        (["2026-01-01T10:00:00Z", "2026-01-02T10:00:00+01:00"], Shape.INSTANT, {"names_zone": True}),
        (["2026-01-01 10:00:00", "2026-01-02"], Shape.INSTANT, {"names_zone": False, "time_format": ""}),
        (["31.12.2025", "01.02.2026"], Shape.INSTANT, {"time_format": "%d.%m.%Y"}),
        (["12/31/2025", "01/02/2026"], Shape.INSTANT, {"time_format": "%m/%d/%Y"}),
        (["20251231", "20260101"], Shape.INSTANT, {"time_format": "%Y%m%d"}),
        (["10012345", "99887766"], Shape.INTEGER, {}),
        (["1", "-2"], Shape.INTEGER, {"codes": ("1", "-2")}),
        (["1.50", "2"], Shape.NUMBER, {"decimal": ""}),
        (["1,234.50", "2"], Shape.NUMBER, {"decimal": "."}),
        (["1.234,50", "2"], Shape.NUMBER, {"decimal": ","}),
        (["open", "done", "open"], Shape.CODE, {"codes": ("open", "done")}),
        (["SO-1", "SO-2"], Shape.TEXT, {}),
        ([None, ""], Shape.UNSEEN, {"empty": True}),
    ],
)
def test_values_show_what_they_are(values: list[str | None], shape: Shape, seen: dict[str, object]) -> None:
    look = look_at(SampledField("x", tuple(values)))
    assert look.shape is shape
    assert {name: getattr(look, name) for name in seen} == seen


def test_counted_times_are_recognised_where_the_source_says_they_are_times() -> None:
    assert look_at(SampledField("t", ("1767225600",), instant=True)).epoch == "seconds"
    assert look_at(SampledField("t", ("1767225600000",), instant=True)).epoch == "milliseconds"
    assert look_at(SampledField("t", ("1767225600",))).shape is Shape.INTEGER


def test_a_declared_number_without_values_may_be_an_identity(thesaurus: Thesaurus) -> None:
    names = ("id", "orderId", "lineNumber", "sku", "unit", "quantity", "cancelledQuantity", "listPrice", "currencyCode")
    fields = tuple(SampledField(name, number=name.endswith(("Id", "id", "Number", "ity", "Price"))) for name in names)
    ((guess,), _) = guess_system([SampledEntity("order_line", fields)], thesaurus, role="channel", node="")
    assert {column.column: column.field for column in guess.columns}["order_id"] == "orderId"
    assert guess.missing == {}


def test_one_row_proves_no_key() -> None:
    assert not is_unique([SampledField("a", ("1",))])
    assert is_unique([SampledField("a", ("1", "1")), SampledField("b", ("1", "2"))])
    assert not is_unique([SampledField("a", ("1", None))])


def test_codes_are_guessed_by_their_words_and_the_unsure_ones_are_left_to_a_person(thesaurus: Thesaurus) -> None:
    column = CONTRACTS["orders"].column("status")
    seen = look_at(SampledField("state", ("storniert", "processing", "zz9", "OPEN", "OPEN")))
    guess = guess_value(column, "state", 0.9, seen, thesaurus)
    assert guess.mapped == {
        "field": "state",
        "codes": {"storniert": "CANCELLED", "processing": "OPEN", "OPEN": "OPEN"},
    }
    assert guess.unknown_codes == ("zz9",)


def test_a_time_without_a_zone_is_a_question(thesaurus: Thesaurus) -> None:
    column = CONTRACTS["orders"].column("ordered_at")
    guess = guess_value(column, "date", 0.9, look_at(SampledField("date", ("2026-01-01 10:00:00",))), thesaurus)
    assert (guess.mapped, guess.sure) == ({"field": "date", "zone": "UTC"}, 0.5)
    assert "UTC?" in guess.remark
