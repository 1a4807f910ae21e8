"""Every way to look at a system ends in a declaration that loads, with its guesses marked and no secret in it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from fulfillment_pipelines.errors import BadDataError, ConfigurationError, SystemDownError
from fulfillment_pipelines.onboarding.from_database import sample_database
from fulfillment_pipelines.onboarding.from_edi import sample_documents
from fulfillment_pipelines.onboarding.from_file import sample_files
from fulfillment_pipelines.onboarding.from_openapi import sample_openapi
from fulfillment_pipelines.onboarding.samples import SampledSystem
from fulfillment_pipelines.onboarding.scaffold import scaffold, target_of
from fulfillment_pipelines.onboarding.synonyms import shipped_thesaurus
from fulfillment_pipelines.systems.declaration import EdiEntity, SystemDeclaration, load_declaration
from fulfillment_pipelines.systems.references import References

Written = Callable[[SampledSystem], tuple[SystemDeclaration, str]]
SHIPPED = {
    "despatch_no": ["D-1", "D-2"],
    "order_no": ["SO-1", "SO-2"],
    "pos": ["1", "2"],
    "article": ["PUMP-1", "PUMP-2"],
    "um": ["EA", "EA"],
    "qty": ["4", "2.5"],
    "departed_at": ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"],
}
COLUMNS = {"shipment_id", "order_id", "line_no", "node", "sku", "uom", "shipped_qty", "shipped_at"}
ROWS = [dict(zip(SHIPPED, values, strict=True)) for values in zip(*SHIPPED.values(), strict=True)]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write the declaration of what was seen, and load it."""

    def write(sampled: SampledSystem) -> tuple[SystemDeclaration, str]:
        path = tmp_path / "wms_new.yaml"
        scaffold(path, sampled, shipped_thesaurus(), name="wms_new", role="wms", node="SOUTH")
        return load_declaration(path), path.read_text(encoding="utf-8")

    return write


def _csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def _sample(folder: Path, kind: str) -> Path:
    path = folder / f"despatch_20260302.{kind}"
    if kind == "csv":
        return _csv(path, "\r\n".join(";".join(row) for row in [list(SHIPPED), *(list(row.values()) for row in ROWS)]))
    if kind == "jsonl":
        return _csv(path, "".join(json.dumps(row) + "\n" for row in ROWS))
    if kind == "xml":
        rows = "".join(f"<leg>{''.join(f'<{k}>{v}</{k}>' for k, v in row.items())}</leg>" for row in ROWS)
        return _csv(path, f"<export><made by='x'/><legs>{rows}</legs></export>")
    if kind == "parquet":
        parquet.write_table(pa.table(SHIPPED), path)
        return path
    book = openpyxl.Workbook()
    for row in [list(SHIPPED), *(list(row.values()) for row in ROWS)]:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx", "jsonl", "xml", "parquet"])
def test_a_sample_file_of_every_kind_becomes_a_declaration(kind: str, written: Written, tmp_path: Path) -> None:
    declaration, text = written(sample_files("wms_new", [_sample(tmp_path, kind)], rows=100))
    (entity,) = declaration.entities.values()
    assert entity.contract == "shipment_lines"
    assert set(entity.mapping) == COLUMNS
    assert getattr(entity, "path", "") == f"despatch_*.{kind}"
    assert "as_of: {file_name: 'despatch_([0-9TZ-]+)" in text
    assert text.count("# guess (0.") >= len(COLUMNS) - 1


def test_a_csv_file_as_a_german_system_writes_it_is_read_as_it_is(written: Written, tmp_path: Path) -> None:
    text = (
        "Größe;Lieferschein-Nr;Auftragsnummer;Position;Artikelnummer;ME;Menge;Versanddatum\r\n"
        "mäßig;L1;A1;1;X;ST;1.234,5;31.12.2025\r\ngroß;L2;A2;1;X;ST;2,0;01.01.2026\r\n"
    )
    declaration, told = written(sample_files("wms_new", [_csv(tmp_path / "Versand.csv", text, "cp1252")], rows=100))
    entity = declaration.entities["shipment_lines"]
    assert (getattr(entity, "encoding", ""), getattr(entity, "delimiter", "")) == ("cp1252", ";")
    assert "shipped_qty: {field: Menge, decimal: ','}" in told
    assert "shipped_at: {field: Versanddatum, format: '%d.%m.%Y', zone: UTC}  # guess (0.50)" in told
    assert "# not read: Größe" in told


def test_each_sheet_of_a_workbook_is_looked_at_below_its_title(written: Written, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Despatch"
    for row in [["All that left us in March"], [], list(SHIPPED), *(list(row.values()) for row in ROWS)]:
        sheet.append(row)
    stock = book.create_sheet("Stock")
    stock.append(["article", "UoM", "on hand", "reserved", "free"])
    stock.append(["PUMP-1", "EA", 5, 2, 3])
    book.create_sheet("Empty")
    book.save(tmp_path / "march.xlsx")
    declaration, text = written(sample_files("wms_new", [tmp_path / "march.xlsx"], rows=100))
    assert set(declaration.entities) == {"shipment_lines", "stock_levels"}
    assert set(declaration.entities["shipment_lines"].mapping) == COLUMNS
    assert "uom: UoM" in text
    assert "    sheet: Despatch\n    header_row: 3\n" in text
    assert "    sheet: Stock\n    fields" in text


def test_a_workbook_without_a_row_is_refused_with_its_name(tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "empty.xlsx")
    with pytest.raises(BadDataError, match=r"empty\.xlsx"):
        sample_files("wms_new", [tmp_path / "empty.xlsx"], rows=10)


def test_a_file_that_is_not_what_its_name_says_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"bad\.xml"):
        sample_files("wms_new", [_csv(tmp_path / "bad.xml", "<a>")], rows=10)
    with pytest.raises(BadDataError, match=r"bomb\.xml"):
        sample_files(
            "wms_new", [_csv(tmp_path / "bomb.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a><r x="1"/></a>')], rows=10
        )
    with pytest.raises(BadDataError, match=r"empty\.csv"):
        sample_files("wms_new", [_csv(tmp_path / "empty.csv", "")], rows=10)
    with pytest.raises(ConfigurationError, match="of no kind"):
        sample_files("wms_new", [_csv(tmp_path / "x.docx", "")], rows=10)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        sample_files("wms_new", [tmp_path / "absent.csv"], rows=10)


@pytest.fixture
def database(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "south.sqlite")) as south:
        south.executescript(
            """
            create table despatch (
                despatch_no text, order_no text, pos integer, article text, um text, qty numeric, departed_at datetime,
                picture blob, changed_at datetime, primary key (despatch_no, pos)
            );
            insert into despatch values ('D-1', 'SO-1', 1, 'PUMP-1', 'EA', 4, '2026-03-02 10:00', null, '2026-03-02');
            create view stock_view as select 'PUMP-1' as article, 'EA' as um, 4 as on_hand, 1 as reserved, 3 as free;
            create table users (login text, password_hash text);
            """
        )
        south.commit()
    return f"sqlite:///{tmp_path / 'south.sqlite'}"


def test_a_database_becomes_a_declaration_and_its_address_is_not_in_it(
    database: str, written: Written, tmp_path: Path
) -> None:
    sampled = sample_database("wms_new", database, References({}), role="wms", rows=100)
    declaration, text = written(sampled)
    assert set(declaration.entities) == {"shipment_lines", "stock_levels"}
    assert declaration.entities["shipment_lines"].key == ("despatch_no", "pos")
    assert "key: [despatch_no, pos]  # the source's own key" in text
    assert "# since: {column: changed_at}" in text
    assert "picture" not in text
    assert "# left out, since nothing of the kind is known: users" in text
    assert str(tmp_path) not in text
    assert "url: {ref: WMS_NEW_DATABASE_URL}" in text
    assert set(sampled.references) == {"WMS_NEW_DATABASE_URL"}


def test_a_view_that_is_broken_is_left_out_and_hides_no_table(database: str, written: Written, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "south.sqlite")) as south:
        south.executescript("create view a_report as select gone from despatch; create view z_report as select gone;")
    sampled = sample_database("wms_new", database, References({}), role="wms", rows=100)
    declaration, text = written(sampled)
    assert set(declaration.entities) == {"shipment_lines", "stock_levels"}
    assert "# left out: a_report cannot be read: no such column: gone" in text
    assert len(sampled.remarks) == 2


def test_a_database_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "south.sqlite")) as south:
        south.execute("create view report as select gone from nowhere")
    with pytest.raises(ConfigurationError, match="not in the database"):
        sample_database("wms_new", f"sqlite:///{tmp_path / 'south.sqlite'}", References({}), role="wms", rows=10)


def test_a_database_can_be_named_by_a_reference(database: str) -> None:
    sampled = sample_database("wms_new", "SOUTH_URL", References({"SOUTH_URL": database}), role="wms", rows=1)
    assert sampled.transport["url"] == {"ref": "SOUTH_URL"}


def test_a_database_that_is_not_there_is_told_without_its_password() -> None:
    secret = "hunter2"
    with pytest.raises((SystemDownError, ConfigurationError)) as raised:
        sample_database("x", f"postgresql+psycopg://u:{secret}@127.0.0.1:1/db", References({}), role="wms", rows=1)
    assert secret not in str(raised.value)


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "x", "version": "1"},
    "servers": [{"url": "https://api.example.com/v2"}],
    "paths": {
        "/shipments/{id}": {"get": {"responses": {"200": {"description": "one"}}}},
        "/ping": {"get": {"responses": {"200": {"description": "nothing"}}}},
        "/shipments": {
            "get": {
                "parameters": [
                    {"name": "offset", "in": "query"},
                    {"name": "limit", "in": "query"},
                    {"name": "updated_after", "in": "query"},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
                },
            }
        },
    },
    "components": {
        "securitySchemes": {
            "key": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://api.example.com/token"}}}
        },
        "schemas": {
            "Page": {
                "type": "object",
                "properties": {
                    "total": {"type": "integer"},
                    "data": {"type": "array", "items": {"$ref": "#/components/schemas/Leg"}},
                },
            },
            "Leg": {
                "allOf": [{"$ref": "#/components/schemas/Loop"}],
                "properties": {
                    "shipmentNumber": {"type": "string"},
                    "orderNumber": {"type": "string"},
                    "line": {"type": "integer"},
                    "itemCode": {"type": "string"},
                    "unitOfMeasure": {"type": "string", "enum": ["EA", "CS"]},
                    "quantityShipped": {"type": "number"},
                    "shippedAt": {"type": "string", "format": "date-time"},
                },
            },
            "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}]},
        },
    },
}


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_an_openapi_document_becomes_a_declaration(ending: str, written: Written, tmp_path: Path) -> None:
    path = tmp_path / f"openapi.{ending}"
    path.write_text(json.dumps(OPENAPI) if ending == "json" else yaml.safe_dump(OPENAPI))
    sampled = sample_openapi("wms_new", str(path))
    declaration, text = written(sampled)
    (entity,) = declaration.entities.values()
    assert set(entity.mapping) == COLUMNS
    assert "paging: {kind: offset, parameter: offset, size_parameter: limit}" in text
    assert "records: data" in text
    assert "total_field: total" in text
    assert "# since: {parameter: updated_after}" in text
    assert "shipped_at: shippedAt" in text
    assert set(sampled.references) == {"WMS_NEW_URL", "WMS_NEW_CLIENT_ID", "WMS_NEW_CLIENT_SECRET"}


def test_a_page_is_not_asked_to_be_larger_than_the_interface_gives(written: Written, tmp_path: Path) -> None:
    document = json.loads(
        json.dumps(OPENAPI).replace('"limit"', '"pageSize"').replace('"updated_after"', '"changedSince"')
    )
    (operation,) = (item["get"] for item in document["paths"].values() if "pageSize" in json.dumps(item.get("get", {})))
    (size,) = (one for one in operation["parameters"] if one.get("name") == "pageSize")
    path = tmp_path / "openapi.json"
    for schema, asked in (
        ({"maximum": 100, "default": 20}, ", size: 100}"),
        ({"default": 20}, ", size: 20}"),
        ({"maximum": 10_000}, "size_parameter: pageSize}"),
    ):
        size["schema"] = {"type": "integer", **schema}
        path.write_text(json.dumps(document))
        _, text = written(sample_openapi("wms_new", str(path)))
        assert asked in text
        assert "# since: {parameter: changedSince}" in text


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, "api_key"),
        ({"type": "http", "scheme": "basic"}, "basic"),
        ({"type": "http", "scheme": "bearer"}, "bearer"),
        ({"type": "openIdConnect"}, "none"),
    ],
)
def test_the_way_in_is_taken_from_the_document(
    scheme: dict[str, str], kind: str, written: Written, tmp_path: Path
) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps({**OPENAPI, "components": {**OPENAPI["components"], "securitySchemes": {"a": scheme}}}))
    declaration, _ = written(sample_openapi("wms_new", str(path)))
    assert declaration.transport.model_dump()["auth"]["kind"] == kind


def test_what_is_no_openapi_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content in ("[1]", "{}", "\t{"):
        path.write_text(content)
        with pytest.raises(BadDataError, match="no OpenAPI document"):
            sample_openapi("wms_new", str(path))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        sample_openapi("wms_new", str(tmp_path / "absent.json"))


SHIP_NOTICE = (
    "ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *260302*1000*U*00401*000000001*0*P*>~"
    "GS*SH*THEM*US*20260302*1000*1*X*004010~ST*856*0001~BSN*00*D-1*20260302*1000~HL*1**S~N1*SF*South*92*SOUTH~"
    "HL*2*1*O~PRF*SO-1~HL*3*2*I~LIN*1*VP*PUMP-1~SN1**4*EA~HL*4*2*I~LIN*2*VP*PUMP-2~SN1**5*EA~CTT*2~SE*14*0001~"
    "GE*1*1~IEA*1*000000001~"
)


def test_a_folder_of_documents_becomes_a_declaration(written: Written, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.edi").write_text(SHIP_NOTICE)
    (folder / "readme.edi").write_text("not a document")
    declaration, text = written(sample_documents("wms_new", folder, rows=100))
    entity = declaration.entities["shipment_lines"]
    assert isinstance(entity, EdiEntity)
    assert entity.key == ("shipment_id", "order_id", "line_no")
    assert set(entity.mapping) == COLUMNS
    assert "shipped_at: {field: shipped_at, format: '%Y%m%d', zone: UTC}  # guess (0.50)" in text
    assert "# left out: no X12: readme.edi" in text


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No X12 document"):
        sample_documents("wms_new", tmp_path, rows=10)


def test_a_declaration_that_is_there_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "wms_new.yaml").write_text("corrected by hand")
    with pytest.raises(ConfigurationError, match="already there"):
        target_of("wms_new", tmp_path, tmp_path, overwrite=False)
    assert target_of("wms_new", tmp_path, tmp_path, overwrite=True) == tmp_path / "wms_new.yaml"


def test_a_name_that_cannot_be_a_table_or_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "snap_erp__orders.sql").touch()
    with pytest.raises(ConfigurationError, match="is taken"):
        target_of("erp", tmp_path, tmp_path, overwrite=False)
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        target_of("WMS South", tmp_path, tmp_path, overwrite=False)


def test_what_is_required_and_not_found_is_a_comment_with_its_candidates(written: Written, tmp_path: Path) -> None:
    path = _csv(tmp_path / "despatch.csv", "despatch_no,order_no,pos,article,qty,departed_at\nD,S,1,P,4,2026-03-02\n")
    declaration, text = written(sample_files("wms_new", [path], rows=10))
    assert "uom" not in declaration.entities["shipment_lines"].mapping
    assert "      # uom: required and not found: Unit the quantities of the row are in." in text


class _Publishing(BaseHTTPRequestHandler):
    """Publishes the document at one address; at another, only to those who log in."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/openapi.json" else 401)
        self.end_headers()
        self.wfile.write(json.dumps(OPENAPI).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def published() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Publishing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_published_document_is_fetched(published: str) -> None:
    assert [one.name for one in sample_openapi("x", f"{published}/openapi.json").entities] == ["shipments"]
    with pytest.raises(ConfigurationError, match="status 401"):
        sample_openapi("x", f"{published}/private.json")
    with pytest.raises(SystemDownError, match="could not be fetched"):
        sample_openapi("x", "http://127.0.0.1:1/openapi.json")
