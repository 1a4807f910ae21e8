"""What the product asks of any system: one verb to read, one to write, one to look again.

Only protocols belong here. Transports implement them; `registry.py` hands them out.
"""

from __future__ import annotations

from typing import Protocol

from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot


class SnapshotSource(Protocol):
    """One entity of one system, to be read."""

    @property
    def name(self) -> str:
        """The feed's name, `system/entity`."""
        ...

    @property
    def system(self) -> str:
        """Declared name of the system."""
        ...

    @property
    def entity(self) -> str:
        """Declared name of the entity."""
        ...

    def pull(self, scope: Scope) -> Snapshot:
        """Return what the system says of the entity, byte for byte.

        The snapshot's own scope is the one that was honoured: a source that cannot read by cursor or
        by keys answers with everything and says so.

        Raises:
            SystemDownError: Nothing was received after all attempts.
            BadDataError: The first page cannot be read, or a declared field is gone.
            ConfigurationError: The declaration, a reference or the credentials are wrong.
            RejectedError: The system refuses the request.
        """
        ...


class CorrectionSink(Protocol):
    """One system, to be written to."""

    @property
    def system(self) -> str:
        """Declared name of the system."""
        ...

    def apply(self, correction: Correction) -> Receipt:
        """Ask for the effect once; the same idempotency key again has no second effect.

        Raises:
            RetryableError: Nothing was sent, or the system says that it did nothing.
            PreconditionError: The system no longer holds the value the correction was decided on.
            RejectedError: The system refuses the correction.
            UnknownOutcomeError: It was sent and no answer came: read back before anything else.
            DuplicateEffectError: The system shows the effect more than once.
            ConfigurationError: The message is not declared, or the payload lacks a field it needs.
        """
        ...

    def read_back(self, correction: Correction) -> Observed:
        """Return what the system shows of the effect now; UNKNOWN where it cannot be seen.

        Raises:
            SystemDownError: The system did not answer.
            DuplicateEffectError: The system shows the effect more than once.
            ConfigurationError: The message is not declared, or the credentials are wrong.
        """
        ...


class System(Protocol):
    """One system, connected: everything is opened on first use and closed by `close`."""

    @property
    def name(self) -> str:
        """Declared name of the system."""
        ...

    def source(self, entity: str) -> SnapshotSource:
        """Return the source of a declared entity.

        Raises:
            ConfigurationError: The entity is not declared.
        """
        ...

    def sink(self) -> CorrectionSink:
        """Return the sink for the system's declared messages."""
        ...

    def check(self) -> None:
        """Return when the system is reachable and accepts the credentials.

        Raises:
            SystemDownError: It is not reachable.
            ConfigurationError: It is, and refuses us.
        """
        ...

    def close(self) -> None:
        """Close every connection; a later use opens them again."""
        ...
