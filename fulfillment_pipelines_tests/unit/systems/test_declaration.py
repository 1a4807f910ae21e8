from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

import fulfillment_pipelines.systems as package
from fulfillment_pipelines.domain.snapshot import PageFormat, Role
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import (
    FilesDeclaration,
    HttpDeclaration,
    LiteralValue,
    Reference,
    SqlDeclaration,
    declaration_schema,
    load_declaration,
)

FOLDER = Path(package.__file__).parent
ROOT = FOLDER.parents[1]
DECLARED = sorted((FOLDER / "declared").glob("*.yaml"))
SAMPLES = sorted(
    path for path in (ROOT / "data" / "samples").rglob("*.yaml") if "\nsystem: " in path.read_text("utf-8")
)
SHIPPED = [*DECLARED, *SAMPLES]
Write = Callable[..., Path]

HEAD = 'system: site\ntitle: Site\nrole: wms\ncontract_version: "1"\nfreshness_seconds: 60\n'
HTTP = HEAD + "transport: {kind: http, base_url: http://site}\n"
SQL = HEAD + "transport: {kind: sql, url: sqlite://}\n"
FILES = HEAD + "transport: {kind: files, directory: drops}\n"


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.stem)
def test_shipped_declaration_is_valid_and_named_after_its_file(path: Path) -> None:
    assert load_declaration(path).name == path.stem


@pytest.fixture(scope="module")
def published() -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "data" / "seeds" / "schemas" / "system.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_declaration_meets_the_published_schema(path: Path, published: jsonschema.Draft202012Validator) -> None:
    # Dates are text in JSON, as an editor sees them.
    content = json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))
    published.validate(content)


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.stem)
def test_shipped_declaration_names_its_schema_for_editors(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == ROOT / "data" / "seeds" / "schemas" / "system.schema.json"


def test_published_schema_is_that_of_the_models(published: jsonschema.Draft202012Validator) -> None:
    assert published.schema == declaration_schema(), "run `make docs`"


@pytest.mark.parametrize(
    ("written", "line", "words"),
    [
        (HTTP + "slow_after_seconds: 0\n", 7, "slow_after_seconds"),
        (HTTP + "owns: {}\n", 7, "order_prefixes"),
        (HTTP + "owns:\n  node: EAST\n", 8, "owns.node"),
        (HTTP.replace("wms", "warehouse"), 3, "role"),
        (SQL + "entities:\n  a:\n    contract: items\n    table: t\n    fields: [x]\n    keys: [x]\n", 12, "keys"),
        (
            SQL + "entities:\n  a:\n    contract: items\n    table: t\n    fields: [x]\n    key: [x]\n"
            "    codes: {x: [yes]}\n",
            13,
            "in quotes",
        ),
    ],
)
def test_wrong_line_is_named_and_the_schema_refuses_the_file_too(
    write: Write, published: jsonschema.Draft202012Validator, written: str, line: int, words: str
) -> None:
    path = write(written)
    with pytest.raises(ConfigurationError) as refused:
        load_declaration(path)
    assert str(path) in refused.value.what
    assert any(told.startswith(f"line {line}: ") and words in told for told in refused.value.expected.split("; "))
    # What only the models know is not in the schema: that `owns` says something at all.
    assert published.is_valid(yaml.safe_load(written)) is (words == "order_prefixes")


def test_each_transport_has_its_own_shape() -> None:
    erp, finance, north = (
        load_declaration(FOLDER / "declared" / f"{name}.yaml") for name in ("erp", "finance", "wms_north")
    )
    assert isinstance(erp, HttpDeclaration)
    assert isinstance(finance, SqlDeclaration)
    assert isinstance(north, FilesDeclaration)
    assert (erp.role, north.node) == (Role.ERP, "NORTH")
    assert erp.transport.base_url == Reference(ref="ERP_URL")
    assert erp.messages["hold.resolve"].read_back is not None
    assert erp.messages["hold.resolve"].read_back.expect == {"status": LiteralValue(literal="RESOLVED")}
    assert north.entities["stock"].format is PageFormat.FIXED_WIDTH


def test_merge_keys_carry_what_the_anchor_declares() -> None:
    erp = load_declaration(FOLDER / "declared" / "erp.yaml")
    assert isinstance(erp, HttpDeclaration)
    assert erp.entities["stock"].paging == erp.entities["orders"].paging
    assert erp.entities["stock"].path == "/api/v1/inventory"


ENTITY = "entities:\n  lines:\n    contract: lines\n    fields: [a, b]\n    key: [a]\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (HTTP + ENTITY + "    path: /x\n    colour: red\n", 13, "colour"),
        (HTTP + ENTITY, 8, "path: Field required"),
        (
            HTTP + ENTITY.replace("[a]", "[c]") + "    path: /x\n",
            8,
            "every field of `key`, `optional` and `codes` among `fields`",
        ),
        (HTTP + ENTITY.replace("[a, b]", "[a, b, a]") + "    path: /x\n", 8, "each field named once"),
        (HTTP + ENTITY + "    path: /x\n    paging: {kind: guess}\n", 13, "paging"),
        (HTTP + ENTITY + "    path: /x\n    as_of: {table: t, column: c}\n", 13, "as_of"),
        (HEAD.replace("wms", "shop") + "transport: {kind: http, base_url: http://site}\n", 3, "role"),
        (HEAD.replace("60", "-1") + "transport: {kind: http, base_url: http://site}\n", 5, "freshness_seconds"),
        (
            HEAD + "transport: {kind: pigeon}\n",
            6,
            "transport.kind: one of http, sql, files, webhook, nats, memory",
        ),
        (HEAD + "transport:\n  kind: pigeon\n", 7, "line 7: transport.kind: one of http"),
        (HEAD, 1, "transport.kind: one of http"),
        (SQL + ENTITY + "    table: t\n    since: {column: z}\n", 8, "`since.column` among `fields`"),
        (
            FILES + ENTITY + "    path: x\n    format: fixed_width\n    widths: {a: 1}\n",
            8,
            "a positive width for every field",
        ),
        (FILES + ENTITY + "    path: x\n    format: csv\n    widths: {a: 1, b: 2}\n", 8, "`widths` only with"),
        (FILES + ENTITY + "    path: x\n    format: csv\n    encoding: klingon\n", 14, "an encoding that Python knows"),
        (FILES + ENTITY + "    path: x\n    format: csv\n    as_of: {file_name: '('}\n", 14, "a regular expression"),
        (FILES + ENTITY + "    path: x\n    format: csv\n    as_of: {file_name: 'x'}\n", 14, "exactly one group"),
        (
            HTTP + "messages:\n  m:\n    method: PUT\n    path: /x\n    read_back: {path: /x}\n",
            11,
            "either `expect` or",
        ),
        (
            HTTP + "messages:\n  m:\n    method: PUT\n    path: /x\n    precondition_read: {path: /x}\n",
            11,
            "either `expect` or `absent: true`",
        ),
        (
            HTTP + "messages:\n  m:\n    method: PUT\n    path: /x\n"
            "    precondition_read: {path: /x, absent: true, if_match: true}\n",
            11,
            "`if_match` only where a record is expected",
        ),
        (
            SQL + "messages:\n  m:\n    insert_into: i\n    key_column: k\n    json_column: j\n"
            "    precondition: {table: t, where: {a: b}}\n",
            12,
            "either `expect` or `absent: true`",
        ),
    ],
)
def test_line_that_declares_nothing_valid_is_named(write: Write, text: str, line: int, said: str) -> None:
    path = write(text)
    with pytest.raises(ConfigurationError) as raised:
        load_declaration(path)
    assert raised.value.what == f"{path}:{line}: this system declaration is not valid."
    assert said in raised.value.expected


def test_secret_that_stands_in_the_file_is_refused_and_not_repeated(write: Write) -> None:
    auth = "  auth: {kind: api_key, header: X-Key, value: hunter2}\n"
    with pytest.raises(ConfigurationError, match="secrets do not stand in this file") as raised:
        load_declaration(write(HEAD + "transport:\n  kind: http\n  base_url: http://site\n" + auth))
    assert "hunter2" not in str(raised.value)


def test_optional_fields_are_not_required() -> None:
    erp = load_declaration(FOLDER / "declared" / "erp.yaml")
    orders = erp.entities["orders"].model_copy(update={"optional": ("customer_po",)})
    assert "customer_po" in orders.fields
    assert "customer_po" not in orders.required_fields


def test_declaration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_declaration(DECLARED[0]).title = "Other"
