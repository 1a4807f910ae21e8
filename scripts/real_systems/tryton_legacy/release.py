"""Tryton 6.0 as it is used here: a warehouse that was bought with its old system and bills nothing."""

from __future__ import annotations

from pathlib import Path

from scripts.real_systems.installed import unpacked_from_debian
from scripts.real_systems.tryton.server import Release
from scripts.real_systems.tryton_legacy.seed import seed

_FOLDER = Path(__file__).parent
_PACKAGES = ("tryton-server", "tryton-modules-sale")


def legacy_warehouse() -> Release:
    """Return Tryton 6.0 with its packages unpacked.

    Raises:
        NotInstalledError: This is no Debian that has them.
    """
    root = unpacked_from_debian("tryton-legacy", _PACKAGES, release="6.0.")
    machine_libraries = ":".join(str(folder) for folder in sorted((root / "usr" / "lib").glob("*-linux-gnu")))
    return Release(
        name="tryton-legacy",
        database="wms",
        # Where the machine has the packages installed, nothing was unpacked.
        programs=next(folder for folder in (root / "usr" / "bin", Path("/usr/bin")) if (folder / "trytond").is_file()),
        interpreter=("/usr/bin/python3",),
        environment={
            "PYTHONPATH": str(root / "usr" / "lib" / "python3" / "dist-packages"),
            "LD_LIBRARY_PATH": machine_libraries,
        },
        modules=("sale",),
        rpc_path="{database}/",
        seed=seed,
        sources=(_FOLDER, _FOLDER / "views.sql", _FOLDER.parent / "tryton"),
        views=_FOLDER / "views.sql",
    )
