"""How a system that exchanges files may be declared, and which line is named when it may not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import FileEntity, FilesDeclaration, load_declaration
from fulfillment_pipelines.systems.declaration.locations import S3Access, SftpAccess
from fulfillment_pipelines.systems.declaration.parts import EntityBase

DOCS = Path(__file__).parents[3] / "docs" / "files.md"
DOCUMENTED = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
HEAD = """system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
"""
ENTITY = """transport: {kind: files, directory: drops}
entities:
  lines:
    contract: lines
    fields: [a, b]
    key: [a]
    path: x
"""
SFTP = "transport:\n  kind: files\n  directory: sftp://site/out\n  sftp:\n    username: wms\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (SFTP + "    password: {ref: P}\n", 9, "either `known_hosts` or `host_key`"),
        (
            SFTP + "    password: {ref: P}\n    known_hosts: {ref: K}\n    host_key: SHA256:x\n",
            9,
            "either `known_hosts` or `host_key`",
        ),
        (SFTP + "    host_key: SHA256:x\n", 9, "a `password` or a `private_key`"),
        (SFTP + "    host_key: SHA256:x\n    password: hunter2\n", 12, "secrets do not stand in this file"),
        (SFTP + "    host_key: SHA256:x\n    private_key: hunter2\n", 12, "secrets do not stand in this file"),
        (SFTP.replace("sftp:\n    username: wms", "s3: {access_key: A}"), 9, "`access_key` and `secret_key` together"),
        (
            SFTP + "    host_key: SHA256:x\n    password: {ref: P}\n  s3: {}\n",
            6,
            "one of `sftp` and `s3`",
        ),
        (ENTITY + "    format: xml\n", 8, "`records` with `format: xml`"),
        (ENTITY + "    format: csv\n    records: a/b\n", 8, "`records` with `format: xml`"),
        (ENTITY + "    format: csv\n    sheet: Stock\n", 8, "only with `format: excel`"),
        (ENTITY + "    format: excel\n    header: false\n", 8, "a row with the names"),
        (ENTITY + "    format: excel\n    header_row: 0\n", 14, "header_row"),
        (ENTITY + "    format: jsonl\n    trailer: {prefix: T, count: 1}\n", 8, "no `trailer`"),
        (ENTITY + '    format: csv\n    complete_when: "{path}"\n', 14, "a name made of `{path}` or `{stem}`"),
        (ENTITY + "    format: csv\n    complete_when: done\n", 14, "a name made of `{path}` or `{stem}`"),
        (ENTITY + '    format: csv\n    complete_when: "{day}.done"\n', 14, "a name made of `{path}` or `{stem}`"),
        (ENTITY + "    format: csv\n    as_of: {modified: false}\n", 14, "as_of"),
        (ENTITY + "    format: docx\n", 8, "format"),
    ],
)
def test_line_that_cannot_be_meant_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_declaration(path)
    assert raised.value.what == f"{path}:{line}: this system declaration is not valid."
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("number", range(len(DOCUMENTED)))
def test_documented_declaration_is_one(tmp_path: Path, number: int) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + DOCUMENTED[number], encoding="utf-8")
    assert isinstance(load_declaration(path), FilesDeclaration)


def test_every_key_of_a_declared_file_is_documented() -> None:
    inherited = {"path", "format", "contract", "fields", "key", "optional", "mapping", "as_of"}
    own = {*FileEntity.model_fields, *SftpAccess.model_fields, *S3Access.model_fields} - inherited
    text = DOCS.read_text(encoding="utf-8")
    assert {name for name in own - set(EntityBase.model_fields) if name not in text} == set()


def test_what_is_declared_of_a_file_reaches_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    excel = "    format: excel\n    sheet: Stock\n    header_row: 3\n    most_mebibytes: 2\n"
    xml = ENTITY.split("entities:\n")[1].replace("lines:", "orders:") + "    format: xml\n    records: orders/order\n"
    path.write_text(HEAD + ENTITY + excel + xml, encoding="utf-8")
    declared = load_declaration(path)
    assert isinstance(declared, FilesDeclaration)
    stock, orders = (layout_of(entity) for entity in declared.entities.values())
    assert (stock.format, stock.sheet, stock.header_row) == (PageFormat.EXCEL, "Stock", 3)
    assert stock.most_bytes == 2 * 1024 * 1024
    assert (orders.format, orders.records_path) == (PageFormat.XML, "orders/order")
