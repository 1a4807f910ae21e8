"""`fulfillment systems acknowledge`, typed against a folder that a trading partner drops an order into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Fulfillment = Callable[..., Any]
SEEDS = Path(__file__).parents[3] / "data" / "seeds"
EXCHANGE = """
system: exchange
title: Exchange
role: channel
contract_version: "1"
freshness_seconds: 3600
transport: {kind: files, directory: {ref: EXCHANGE_FOLDER}}
partners:
  ACME:
    sender: {qualifier: ZZ, id: DISTRIB}
    receiver: {qualifier: ZZ, id: ACME}
    acknowledges:
      received: in/*.edi
      drop: outbound/997_{interchange_no}.edi
      sent: sent/*997_{interchange_no}.edi
"""
ORDER = "~".join(
    [
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*DISTRIB        *260302*0900*U*00401*000000007*0*P*>",
        *("GS*PO*ACME*DISTRIB*20260302*0900*70*X*004010", "ST*850*0001", "BEG*00*SA*PO-1**20260302", "PO1*1*12*EA"),
        *("CTT*1", "SE*5*0001", "GE*1*70", "IEA*1*000000007", ""),
    ]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in", "outbound", "sent"):
        (tmp_path / "exchange" / name).mkdir(parents=True)
    return tmp_path / "exchange"


@pytest.fixture
def config(tmp_path: Path, runtime: Path, folder: Path) -> Path:
    runtime.mkdir()
    (runtime / "systems.env").write_text(f"EXCHANGE_FOLDER={folder}", encoding="utf-8")
    (tmp_path / "exchange.yaml").write_text(EXCHANGE, encoding="utf-8")
    written = {"distributor": "exchange_only", "title": "Exchange", "systems": ["exchange.yaml"], "seeds": str(SEEDS)}
    path = tmp_path / "distributor.yaml"
    path.write_text(yaml.safe_dump({**written, "references": ["systems.env"]}), encoding="utf-8")
    return path


def test_partners_are_answered_once_and_told_where(fulfillment: Fulfillment, config: Path, folder: Path) -> None:
    (folder / "in" / "a.edi").write_text(ORDER, encoding="ascii")

    said = fulfillment("systems", "acknowledge", "--config", str(config), "--json")
    assert said.exit_code == 0, said.stderr
    assert said.json() == [{"system": "exchange", "answer": "outbound/997_000000007.edi"}]
    assert "AK2*850*0001~AK5*A~AK9*A*1*1*1~" in (folder / "outbound" / "997_000000007.edi").read_text(encoding="ascii")

    assert fulfillment("systems", "acknowledge", "exchange", "--config", str(config), "--json").json() == []


def test_a_system_that_is_not_declared_is_named(fulfillment: Fulfillment, config: Path) -> None:
    said = fulfillment("systems", "acknowledge", "nobody", "--config", str(config))
    assert said.exit_code != 0
    assert "nobody" in said.stderr
