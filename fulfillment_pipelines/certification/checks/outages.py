"""Whether a system that is away, slow or busy, or refuses us, is told as such, in time, and never taken for empty."""

from __future__ import annotations

import threading

from fulfillment_pipelines.certification.benches.bench import Bent, Fault
from fulfillment_pipelines.certification.examination import Examination, Pulled
from fulfillment_pipelines.certification.verdicts import Finding, failed, not_run, passed
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, FulfillmentError, SystemDownError
from fulfillment_pipelines.systems.declaration import HttpDeclaration


def tells_that_nobody_answers(examination: Examination, _: str) -> Finding:
    """A system that is down is told as down, by a pull and by a check."""
    entity = examination.subject.entities[0]
    connection = examination.bent(Fault.REFUSED, entity)
    if isinstance(connection, Finding):
        return connection
    with connection as bent:
        for look in (lambda: bent.system.source(entity).pull(Scope()), bent.system.check):
            try:
                look()
            except SystemDownError as error:
                told = error.what
            except FulfillmentError as error:
                return failed(
                    "Nobody answered, and something else was told.", told=f"{type(error).__name__}: {error.what}"
                )
            else:
                return failed("Nobody answered, and that was taken for an answer.")
    return passed("Where nobody answers, the system is told to be down.", told=told)


def never_takes_half_for_whole(examination: Examination, entity: str) -> Finding:
    """An answer that breaks off is told; what came before is kept and known to be partial."""
    connection = examination.bent(Fault.CUT, entity)
    if isinstance(connection, Finding):
        return connection
    rows = examination.clean(entity).rows.num_rows
    with connection as bent:
        try:
            pulled = examination.pull(bent.system, entity)
        except (SystemDownError, BadDataError) as error:
            if not bent.struck():
                return _never_struck(error)
            return passed("An answer that breaks off is told, and nothing of it is taken.", told=error.what)
        if not bent.struck():
            return not_run("The answer is too short to break off in its middle.", rows=rows)
    return _partial(pulled, rows)


def _partial(pulled: Pulled, rows: int) -> Finding:
    came = f"{pulled.rows.num_rows} of {rows}"
    if not pulled.snapshot.complete:
        said = "An answer that breaks off leaves a snapshot that is known to be partial."
        return passed(said, rows_kept=came, told=pulled.snapshot.problem)
    if pulled.decoded.unreadable:
        said = "The part that broke off is quarantined as unreadable."
        return passed(said, rows_kept=came, unreadable_lines=len(pulled.decoded.unreadable))
    return failed(
        "An answer that broke off was taken for the whole: nothing in the declaration tells them apart.",
        rows_taken=came,
        remedy="declare what tells a whole answer: a total, a trailer with a count, a marker that a file is done",
    )


def keeps_its_time_limit(examination: Examination, entity: str) -> Finding:
    """A system that accepts and does not answer is given up in time."""
    connection = examination.bent(Fault.STALLED, entity)
    if isinstance(connection, Finding):
        return connection
    with connection as bent:
        limit = (bent.time_limit_seconds or 0) * bent.attempts
        pulling = _Pulling(bent, entity)
        began = examination.monotonic()
        pulling.start()
        pulling.join(limit + examination.policy.slack_seconds)
        seconds = examination.monotonic() - began
        gave_up = not pulling.is_alive()
        struck = bent.struck()
    pulling.join()
    evidence = {"time limit": f"{limit:g} s", "given up after": f"{seconds:.1f} s" if gave_up else "never"}
    if not struck:
        return not_run("The answer could not be held back.", **evidence)
    if not gave_up:
        return failed("The answer did not come, and it was waited for beyond the time limit.", **evidence)
    if not isinstance(pulling.error, SystemDownError):
        return failed("The answer did not come, and something else was told.", told=type(pulling.error).__name__)
    return passed("An answer that does not come is given up in time.", **evidence, told=pulling.error.what)


class _Pulling(threading.Thread):
    """A pull that may never end by itself; closing the bench ends it."""

    def __init__(self, bent: Bent, entity: str) -> None:
        super().__init__(name="certification-slow-pull")
        self._bent = bent
        self._entity = entity
        self.error: FulfillmentError | None = None

    def run(self) -> None:
        """Pull, and keep what went wrong."""
        try:
            self._bent.system.source(self._entity).pull(Scope())
        except FulfillmentError as error:
            self.error = error


def waits_when_asked(examination: Examination, entity: str) -> Finding:
    """A system that asks to be left alone (429, Retry-After) is left alone for as long, then read to the end."""
    connection = examination.bent(Fault.RATE_LIMITED, entity)
    if isinstance(connection, Finding):
        return connection
    asked_seconds = _longest_wait(examination)
    with connection as bent:
        try:
            pulled = examination.pull(bent.system, entity)
        except FulfillmentError as error:
            if not bent.struck():
                return _never_struck(error)
            return failed(
                "The system was busy once, and the pull was given up.", attempts=bent.attempts, told=error.what
            )
        if not bent.struck():
            return not_run("No answer could be replaced: there was none with rows.")
    evidence = {"asked to wait": f"{asked_seconds:g} s", "pull took": f"{pulled.seconds:.1f} s"}
    if pulled.seconds < asked_seconds:
        return failed("The system asked for a longer wait than it was given.", **evidence)
    return _same_rows(examination, entity, pulled, "After the wait that the system asked for, all rows came.", evidence)


def _longest_wait(examination: Examination) -> float:
    declaration, asked = examination.subject.declaration, float(examination.policy.retry_after_seconds)
    return (
        min(asked, declaration.transport.retry.wait_max_seconds) if isinstance(declaration, HttpDeclaration) else asked
    )


def renews_credentials(examination: Examination, entity: str) -> Finding:
    """Credentials that have expired are renewed, and the pull goes on."""
    connection = examination.bent(Fault.EXPIRED_ONCE, entity)
    if isinstance(connection, Finding):
        return connection
    with connection as bent:
        try:
            pulled = examination.pull(bent.system, entity)
        except FulfillmentError as error:
            if not bent.struck():
                return _never_struck(error)
            return failed("The credentials were refused once, and the pull was given up.", told=error.what)
        if not bent.struck():
            return not_run("No answer could be replaced: there was none with rows.")
    return _same_rows(
        examination, entity, pulled, "Credentials that were refused once were renewed; all rows came.", {}
    )


def tells_refused_credentials(examination: Examination, entity: str) -> Finding:
    """Credentials that are refused for ever are a matter of configuration, not of waiting."""
    connection = examination.bent(Fault.EXPIRED, entity)
    if isinstance(connection, Finding):
        return connection
    with connection as bent:
        try:
            examination.pull(bent.system, entity)
        except FulfillmentError as error:
            if not bent.struck():
                return _never_struck(error)
            if isinstance(error, ConfigurationError):
                return passed("Credentials that are refused for ever are told as such.", told=error.what)
            return failed("The credentials were refused, and something else was told.", told=error.what)
        if not bent.struck():
            return not_run("No answer could be replaced: there was none with rows.")
    return failed("The credentials were refused, and that was taken for an answer.")


def _never_struck(error: FulfillmentError) -> Finding:
    """An error before the fault says nothing of the fault: the way through the test's own proxy may be closed."""
    return not_run("The fault never struck: the system was not reached by way of the test.", told=error.what)


def _same_rows(examination: Examination, entity: str, pulled: Pulled, said: str, evidence: dict[str, str]) -> Finding:
    """Compare with a pull as declared; a system that has changed meanwhile is pulled anew once."""
    for expected in (examination.clean, examination.pull_anew):
        difference = examination.workbench.difference(expected(entity).rows, pulled.rows)
        if not difference:
            return passed(said, rows=pulled.rows.num_rows, **evidence)
    return failed(
        "Other rows came than without the fault.",
        missing=difference.lost_rows,
        too_many=difference.added_rows,
        **evidence,
    )
