"""The other door of the TMS: message files that it picks up by itself, whether its interface answers or not.

A file's name is the message's idempotency key, and counts as that of a request: what came through both doors has its
effect once.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pydantic import ValidationError

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.twin.systems.answered_once import answered_once
from fulfillment_pipelines.twin.systems.tms_api import Claim, filed
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.transport_tables import tms_answers


class TmsDrop:
    """The directory the TMS picks messages up from.

    Args:
        directory: Where `inbound`, `processed` and `rejected` are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for folder in ("inbound", "processed", "rejected"):
            (directory / folder).mkdir(parents=True, exist_ok=True)

    def pick_up(self, books: Books, at: int) -> None:
        """File the claims that wait, in the order of their names, and move the files away."""
        for path in sorted((self._directory / "inbound").glob("*.json")):
            try:
                claim = Claim.model_validate_json(path.read_text(encoding="utf-8"))
                answered_once(books.tms, tms_answers, path.stem, partial(filed, books.tms, claim, at))
            except (FulfillmentError, ValidationError) as error:
                problem = self._directory / "rejected" / f"{path.stem}.problem.txt"
                problem.write_text(f"{error}\n", encoding="utf-8")
                path.rename(self._directory / "rejected" / path.name)
            else:
                path.rename(self._directory / "processed" / path.name)
