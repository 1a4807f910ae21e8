"""The target as its test meets it: a process that is started, ruled over HTTP, read like any system, and ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.systems.declaration import HttpDeclaration, load_declaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

from .faults import Fault

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Tally:
    """What the target has counted of one object.

    Attributes:
        effects: How often it had an effect that we asked for.
        standing: How many of them were not undone.
        others: How often somebody else changed it.
        keys: Under how many idempotency keys it was changed.
    """

    effects: int
    standing: int
    others: int
    keys: int


class HostileTarget:
    """A running target; use it in a `with` block.

    Args:
        variant: `keyed` takes idempotency keys, `unkeyed` ignores them.
        books: The file of its books.
    """

    def __init__(self, variant: str, books: Path) -> None:
        self.variant = variant
        command = [sys.executable, "-m", _FOLDER.name, str(books), variant]
        self._process = subprocess.Popen(
            command, cwd=_FOLDER.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self._control = httpx.Client(base_url=f"{self.url}/control", trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def system(self, clock: Clock, *, timeout_seconds: float | None = None) -> HttpSystem:
        """Return the target as the product declares it; close it."""
        declaration = load_declaration(_FOLDER / f"{self.variant}.yaml")
        assert isinstance(declaration, HttpDeclaration)
        if timeout_seconds is not None:
            transport = declaration.transport.model_copy(update={"timeout_seconds": timeout_seconds})
            declaration = declaration.model_copy(update={"transport": transport})
        return HttpSystem(declaration, References({"HOSTILE_URL": self.url}), clock)

    def clear(self) -> None:
        """Forget all books and plans."""
        self._rule("clear", {})

    def script(self, *writes: Fault | None, reads: Iterable[Fault | None] = ()) -> None:
        """Let the next writes and reads go wrong like this, in order; None goes well, and so does what follows."""
        self._rule("script", {"writes": writes, "reads": list(reads)})

    def fail(self, rate: float, *, seed: int, faults: Iterable[Fault] = ()) -> None:
        """Let a share of all calls go wrong, by a seed; in all ways a call can, or in those that are named."""
        self._rule("rate", {"rate": rate, "seed": seed, "faults": list(faults)})

    def hold_stock(self, atp_of: Mapping[str, str]) -> None:
        """Let stock records have these values, whoever set them: `SITE/SKU` to value."""
        self._rule("stock", {f"stock {name}": atp for name, atp in atp_of.items()})

    def pass_the_night(self) -> None:
        """Let the batch run that rolls back what is doomed."""
        self._rule("night", {})

    def tally(self) -> dict[str, Tally]:
        """Return what it has counted, by object: `invoice SHIPMENT/ORDER/LINE` or `stock SITE/SKU`."""
        return {
            counted["object"]: Tally(**{name: counted[name] for name in ("effects", "standing", "others", "keys")})
            for counted in self._rule("tally", {})["objects"]
        }

    def injected(self) -> Mapping[str, int]:
        """Return how often each fault was carried out."""
        injected: Mapping[str, int] = self._rule("tally", {})["injected"]
        return injected

    def calls(self) -> Mapping[str, int]:
        """Return how many reads and writes there were, faulty or not."""
        calls: Mapping[str, int] = self._rule("tally", {})["calls"]
        return calls

    def kill(self) -> None:
        """End the process as a crash does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process; its books stay."""
        self._control.close()
        self._process.communicate()

    def _rule(self, order: str, told: Mapping[str, Any]) -> Any:
        answer = self._control.post(f"/{order}", json=told)
        answer.raise_for_status()
        return answer.json()
