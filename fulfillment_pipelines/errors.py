"""The failure tree: every error this package raises, grouped by what the caller does next.

    FulfillmentError
    ├── ConfigurationError     stop: a person must change a setting, a YAML file or an SQL file
    ├── BadDataError           go on: quarantine the rows or the page, keep the rest
    │   └── InterfaceChangedError  ... and agree on a new contract version: a declared field is gone altogether
    ├── RetryableError         try again later: the same request may succeed
    │   └── SystemDownError    ... and until then the feed's verdicts are UNKNOWN
    ├── RejectedError          do not repeat: the system understood the request and refused it
    │   └── PreconditionError  ... because the value it holds is not the value we read
    ├── UnknownOutcomeError    read back: the request was sent and its effect is not known
    ├── DuplicateEffectError   stop: the target shows the effect more than once; a person undoes what is too much
    ├── LegalMoveError         a case or a correction cannot move that way from where it stands
    ├── InvariantError         a promise of the product is broken; nothing may be published
    └── AuditChainError        the audit log was edited, cut or reordered

Foreign errors (SQLAlchemy, httpx, OSError, DuckDB) are translated where they enter, in `systems/`,
`ledger/` and `warehouse.py`; no other module catches them. Only classes belong here.
"""

from __future__ import annotations


class FulfillmentError(Exception):
    """An error that says what happened, what was expected, what was found and what to do.

    Args:
        what: What happened, naming system, entity and row where there is one.
        expected: What should have been there; empty where nothing more can be said.
        found: What was there instead.
        remedy: What the reader does now.
        retry_after_seconds: How long the system asks to be left alone; None where it does not ask.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: str = "",
        found: str = "",
        remedy: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        self.what = what
        self.expected = expected
        self.found = found
        self.remedy = remedy
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.__str__())

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected:
            parts.append(f"Expected: {self.expected}.")
        if self.found:
            parts.append(f"Found: {self.found}.")
        if self.remedy:
            parts.append(f"Remedy: {self.remedy}.")
        return " ".join(parts)


class ConfigurationError(FulfillmentError):
    """A setting, declaration or model is wrong; raised at start-up, before anything is pulled."""


class BadDataError(FulfillmentError):
    """What was received cannot be read or breaks its contract; it is quarantined, the rest goes on."""


class InterfaceChangedError(BadDataError):
    """A declared field is gone from everything that was received; nothing of it can be let in.

    Args:
        what: As of every error of this package; so are `expected`, `found` and `remedy`.
        missing_fields: The declared fields that are gone.
        other_fields: The fields that came and are not declared.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: str = "",
        found: str = "",
        remedy: str = "",
        missing_fields: tuple[str, ...] = (),
        other_fields: tuple[str, ...] = (),
    ) -> None:
        self.missing_fields = missing_fields
        self.other_fields = other_fields
        super().__init__(what, expected=expected, found=found, remedy=remedy)


class RetryableError(FulfillmentError):
    """The system could not serve the request now; the same request may succeed later."""


class SystemDownError(RetryableError):
    """The system did not serve the request after all attempts; its feeds become UNKNOWN."""


class RejectedError(FulfillmentError):
    """The system understood the request and refused it; repeating it would be refused again."""


class PreconditionError(RejectedError):
    """The system no longer holds the value the correction was decided on; it must be decided anew."""


class UnknownOutcomeError(FulfillmentError):
    """The request was sent and no answer came; read the state back before anything is sent again."""


class DuplicateEffectError(FulfillmentError):
    """The target shows the effect more than once, whoever caused it; sending or waiting would not mend that."""


class LegalMoveError(FulfillmentError):
    """A case or a correction was asked to make a move that its state does not allow."""


class InvariantError(FulfillmentError):
    """An invariant of `sql/checks` returned rows."""


class AuditChainError(FulfillmentError):
    """A row of the audit log does not follow from the row before it."""
