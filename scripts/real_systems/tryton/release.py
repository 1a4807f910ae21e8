"""Tryton 8.2 as it is used here: a company that sells from its warehouses and bills what has left."""

from __future__ import annotations

from pathlib import Path

from scripts.real_systems.installed import installed_from_pypi
from scripts.real_systems.tryton.seed import seed
from scripts.real_systems.tryton.server import Release

_FOLDER = Path(__file__).parent


def cloud_erp() -> Release:
    """Return Tryton 8.2 with its packages installed.

    Raises:
        NotInstalledError: They cannot be had.
    """
    programs = installed_from_pypi("tryton", _FOLDER / "requirements.txt") / "bin"
    return Release(
        name="tryton",
        database="erp",
        programs=programs,
        interpreter=(),
        environment={},
        modules=("sale", "sale_credit_limit", "account_invoice_stock"),
        rpc_path="{database}/rpc/",
        seed=seed,
        sources=(_FOLDER,),
    )
