"""Certifies every real system anew: starts each, lets `fulfillment systems certify` look at it, keeps the pages.

python -m scripts.real_systems.certificates [--into docs/certificates] [tryton vendure karrio]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.real_systems.karrio import distributor as karrio
from scripts.real_systems.tryton import distributor as tryton
from scripts.real_systems.vendure import distributor as vendure

_ROOT = Path(__file__).parents[2]
_GOVERNANCE = "ines"


@dataclass(frozen=True)
class Sample:
    """One distributor of data/samples.

    Attributes:
        start: Starts its systems, with their databases in a folder.
        systems: The real ones among its systems, with the example that may be written, where there is one.
    """

    start: Callable[[Path], AbstractContextManager[Any]]
    systems: Sequence[tuple[str, str]]


_SAMPLES = {
    "tryton": Sample(
        tryton.both_running,
        (
            ("tryton_erp", "tryton_erp.yaml"),
            ("tryton_catalogue", ""),
            ("tryton_finance", "tryton_finance.yaml"),
            ("tryton_wms", ""),
        ),
    ),
    "vendure": Sample(vendure.whole_running, (("vendure", "status_update.yaml"),)),
    "karrio": Sample(karrio.whole_running, (("karrio", ""), ("karrio_desk", "case_create.yaml"))),
}


def _certify(sample: str, system: str, example: str, into: Path, runtime: Path) -> int:
    folder = _ROOT / "data" / "samples" / sample
    writing = ["--write", str(folder / "examples" / example), "--by", _GOVERNANCE] if example else []
    program = str(Path(sys.executable).with_name("fulfillment"))
    command = [program, "systems", "certify", system, "--config", str(folder / "distributor.yaml"), *writing]
    environment = {**os.environ, "FULFILLMENT_RUNTIME_DIR": str(runtime), "FULFILLMENT_ACTOR": "build"}
    command += ["--into", str(into)]
    return subprocess.run(command, env=environment, cwd=_ROOT, check=False).returncode  # noqa: S603 -- our own program


@contextmanager
def _runtime() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="certificates-") as folder:
        yield Path(folder)


def main() -> None:
    """Certify the named samples, or all; exits 1 when a system does not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", nargs="*", default=list(_SAMPLES), help="which; all unless named")
    parser.add_argument("--into", type=Path, default=_ROOT / "docs" / "certificates", help="folder for the pages")
    chosen = parser.parse_args()
    worst = 0
    for name in chosen.samples:
        sample = _SAMPLES[name]
        with _runtime() as runtime, sample.start(runtime / name):
            for system, example in sample.systems:
                worst = max(worst, _certify(name, system, example, chosen.into.resolve(), runtime))
    raise SystemExit(worst)


if __name__ == "__main__":
    main()
