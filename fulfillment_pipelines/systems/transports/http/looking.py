"""Look at what an HTTP system holds: records of an answer, and those among them that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.errors import BadDataError, DuplicateEffectError, RejectedError, RetryableError
from fulfillment_pipelines.systems.declaration.http_messages import HttpLook, HttpLookup, HttpSkipIf
from fulfillment_pipelines.systems.transports.http.filling import MessageValues
from fulfillment_pipelines.systems.transports.http.json_text import read_json
from fulfillment_pipelines.systems.transports.http.paging import field_at
from fulfillment_pipelines.systems.transports.http.session import HttpSession
from fulfillment_pipelines.systems.transports.messages import same_value

_SHOWN_RECORDS = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw.

    Attributes:
        records: What was found; None where the answer cannot be read.
        version: The answer's `ETag`; empty for none.
        problem: Why it cannot be read, where more is known.
    """

    records: Sequence[Mapping[str, Any]] | None
    version: str = ""
    problem: str = ""

    def readable(self, what: str) -> Sequence[Mapping[str, Any]]:
        """Return what was found.

        Raises:
            RetryableError: The answer cannot be read.
        """
        if self.records is None:
            raise RetryableError(
                f"{what}: what the system holds cannot be read.",
                found=self.problem,
                remedy="it is looked at again later",
            )
        return self.records


class Looker:
    """Looks at one system for one message at a time."""

    def __init__(self, session: HttpSession) -> None:
        self._session = session

    def seen(self, look: HttpLook, values: MessageValues) -> Seen:
        """Return what the system shows.

        Raises:
            SystemDownError: The system did not answer.
            RejectedError: It refuses the request.
            ConfigurationError: The payload, the address or the credentials are wrong.
        """
        try:
            response = self._session.find(values.request(look, look.method))
        except BadDataError as error:
            return Seen(None, problem=error.what)
        if response is None:
            return Seen([])
        records = _records(response, look.records)
        told = None if records is None else [_in_our_codes(record, look.codes) for record in records]
        return Seen(told, response.headers.get("ETag", ""))

    def looked_up(self, what: str, lookups: Sequence[HttpLookup], values: MessageValues) -> MessageValues:
        """Return the values with what the lookups found.

        Raises:
            RejectedError: A lookup finds none, or several.
            RetryableError: An answer cannot be read.
        """
        for number, lookup in enumerate(lookups, start=1):
            found = self._counting(what, lookup, values)
            if len(found) != 1:
                raise RejectedError(
                    f"{what}: lookup {number} finds {len(found) or 'no'} records.",
                    expected="exactly one",
                    found=held(found, tuple(lookup.take.values())),
                    remedy="decide on it by hand, or look for something unique in the system's YAML",
                )
            values = values.widened(_taken(found[0], lookup.take))
        return values

    def done_before(self, what: str, skip_if: HttpSkipIf | None, values: MessageValues) -> MessageValues | None:
        """Return the values with what shows that a step was done; None where nothing shows it.

        Raises:
            DuplicateEffectError: It was done more than once, and later steps need to know which.
            RetryableError: The answer cannot be read.
        """
        if skip_if is None:
            return None
        found = self._counting(what, skip_if, values)
        if skip_if.take and len(found) > 1:
            raise DuplicateEffectError(
                f"{what} was done more than once.",
                expected="one record",
                found=held(found, tuple(skip_if.take.values())),
                remedy="undo in the system what is too much; the rest is then done",
            )
        return values.widened(_taken(found[0], skip_if.take)) if found else None

    def _counting(self, what: str, look: HttpLookup | HttpSkipIf, values: MessageValues) -> Sequence[Mapping[str, Any]]:
        expected = values.fields(look.expect)
        return [record for record in self.seen(look, values).readable(what) if shows(record, expected)]


def shows(record: Mapping[str, Any], expected: Mapping[str, Scalar]) -> bool:
    """Return whether a record shows every expected value, at its field or dotted path."""
    return all(same_value(value, field_at(record, path)) for path, value in expected.items())


def held(records: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> str:
    """Return what the system holds in some fields, for a person to read."""
    shown = [
        ", ".join(f"{path}={field_at(record, path)}" for path in paths) or "a record"
        for record in records[:_SHOWN_RECORDS]
    ]
    return "; ".join(shown) or "nothing"


def _taken(record: Mapping[str, Any], take: Mapping[str, str]) -> dict[str, Any]:
    return {name: field_at(record, path) for name, path in take.items()}


def _in_our_codes(record: Mapping[str, Any], codes: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    told = {field: ours.get(str(record.get(field))) for field, ours in codes.items()}
    return {**record, **{field: code for field, code in told.items() if code is not None}}


def _records(response: httpx.Response, path: str) -> list[Mapping[str, Any]] | None:
    """Return the records of an answer; None where it cannot be read. A null where they would stand is none."""
    try:
        body = read_json(response.content, exact=True)
    except ValueError:
        return None
    found = field_at(body, path)
    if found is None and path and _is_null(body, path):
        return []
    records = found if isinstance(found, list) else [found]
    return records if all(isinstance(record, Mapping) for record in records) else None


def _is_null(body: Any, path: str) -> bool:
    parent, _, name = path.rpartition(".")
    holder = field_at(body, parent)
    return isinstance(holder, Mapping) and name in holder
