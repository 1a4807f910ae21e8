"""What the answer to a write means: an effect, a refusal, or something that must be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from fulfillment_pipelines.domain.correction import Observed, Scalar
from fulfillment_pipelines.errors import (
    ConfigurationError,
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.http import ErrorKind
from fulfillment_pipelines.systems.declaration.http_messages import HttpStep
from fulfillment_pipelines.systems.declaration.http_requests import RequestForm
from fulfillment_pipelines.systems.transports.http.answers import Problem, lacks_result, problem_in, typed_refusal
from fulfillment_pipelines.systems.transports.http.json_text import read_json
from fulfillment_pipelines.systems.transports.http.paging import field_at
from fulfillment_pipelines.systems.transports.http.refusals import retry_after_seconds

_SHOWN_CHARACTERS = 300
_READ_BACK = "read back before anything is sent again"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system answered to one write it took.

    Attributes:
        observed: APPLIED, or QUEUED when it has only taken the message in.
        reference: Its own identifier of the effect; empty where it gives none.
        taken: What the answer holds for later steps.
    """

    observed: Observed
    reference: str
    taken: Mapping[str, Any]


def outcome_of(
    what: str,
    step: HttpStep,
    response: httpx.Response,
    *,
    codes: Mapping[str, ErrorKind],
    precondition: Mapping[str, Scalar],
) -> Outcome:
    """Return what the system answered.

    Args:
        what: The write, for errors.
        step: As declared.
        response: The answer.
        codes: What the system's own error codes mean.
        precondition: What the correction was decided on, for errors.

    Raises:
        PreconditionError: The system holds another value.
        RejectedError: It refuses the write.
        RetryableError: It says that it did nothing, and may do it later.
        ConfigurationError: It refuses the credentials, or does not understand the request.
        UnknownOutcomeError: The answer cannot be read, or says of a failure.
    """
    problem = problem_in(response, step.form, codes)
    if problem is None and not response.is_success:
        raise _refusal(what, response, precondition)
    body = None if problem is not None else _body(what, response, step.form)
    problem = problem or typed_refusal(body, step.refused_when, codes)
    if problem is not None:
        raise _told(what, problem, precondition)
    taken = {name: field_at(body, path) for name, path in step.take.items()}
    missing = [path for name, path in step.take.items() if taken[name] is None]
    if missing:
        raise UnknownOutcomeError(
            f"{what} was answered without what later steps need.",
            expected=", ".join(missing),
            found=_shown(response),
            remedy=_READ_BACK,
        )
    taken_in = response.status_code == httpx.codes.ACCEPTED
    return Outcome(Observed.QUEUED if taken_in else Observed.APPLIED, _reference(response, body, step), taken)


def _body(what: str, response: httpx.Response, form: RequestForm) -> Any:
    """Return the answer's JSON, None for none. A proxy's page, or half of an answer, is neither."""
    if not response.content and form is RequestForm.REST:
        return None
    try:
        body = read_json(response.content)
    except ValueError:
        body = None
    else:
        if not lacks_result(body, form):
            return body
    raise UnknownOutcomeError(
        f"{what} was answered with what is no answer.",
        expected=f"JSON with HTTP {response.status_code}",
        found=f"{response.headers.get('Content-Type', 'no type')}: {_shown(response)}",
        remedy=_READ_BACK,
    )


def _reference(response: httpx.Response, body: Any, step: HttpStep) -> str:
    """Return what is declared, else `Location`, the `id` of a REST answer, or a result that is one value."""
    if step.reference is not None:
        reference = field_at(body, step.reference)
    elif location := response.headers.get("Location"):
        reference = location
    else:
        reference = field_at(body, "result" if step.form is RequestForm.JSON_RPC else "id")
    return str(reference) if isinstance(reference, str | int) and not isinstance(reference, bool) else ""


def _told(what: str, problem: Problem, precondition: Mapping[str, Scalar]) -> FulfillmentError:
    found = problem.shown
    if problem.is_partial or problem.kind is ErrorKind.UNKNOWN:
        return UnknownOutcomeError(f"{what} was sent and the system failed on it.", found=found, remedy=_READ_BACK)
    match problem.kind:
        case ErrorKind.OUT_OF_DATE:
            return _out_of_date(what, precondition, found)
        case ErrorKind.BUSY:
            return RetryableError(f"{what} came too soon.", found=found, remedy="it is sent again later")
        case ErrorKind.CREDENTIALS:
            return _misfit_credentials(what, found)
        case ErrorKind.CONFIGURATION:
            return ConfigurationError(
                f"{what} is not understood.",
                expected="a request as the system's interface describes it",
                found=found,
                remedy="correct the message in the system's YAML",
            )
        case _:
            return RejectedError(f"{what} is refused.", found=found, remedy="decide on it by hand")


def _refusal(what: str, response: httpx.Response, precondition: Mapping[str, Scalar]) -> FulfillmentError:
    found = f"HTTP {response.status_code} {_shown(response)}".strip()
    match response.status_code:
        case httpx.codes.CONFLICT | httpx.codes.PRECONDITION_FAILED:
            return _out_of_date(what, precondition, found)
        case httpx.codes.TOO_MANY_REQUESTS | httpx.codes.TOO_EARLY | httpx.codes.LOCKED:
            return RetryableError(
                f"{what} came too soon.",
                found=found,
                remedy="it is sent again later",
                retry_after_seconds=retry_after_seconds(response),
            )
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return _misfit_credentials(what, found)
        case _ if response.is_redirect:
            return _unknown(f"{what} was sent and answered with a redirect; is the address right?", response)
        case status if response.is_server_error or status == httpx.codes.REQUEST_TIMEOUT:
            return _unknown(f"{what} was sent and the system failed on it.", response)
        case _:
            return RejectedError(f"{what} is refused.", found=found, remedy="decide on it by hand")


def _out_of_date(what: str, precondition: Mapping[str, Scalar], found: str) -> PreconditionError:
    return PreconditionError(
        f"{what} is out of date.",
        expected=", ".join(f"{name}={value}" for name, value in precondition.items()),
        found=found,
        remedy="pull again and decide anew",
    )


def _misfit_credentials(what: str, found: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what} is refused with our credentials.",
        expected="credentials that may write it",
        found=found,
        remedy="correct the references under `transport.auth`, or have the access granted",
    )


def _unknown(what: str, response: httpx.Response) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        what,
        found=f"HTTP {response.status_code} {_shown(response)}".strip(),
        remedy=_READ_BACK,
        retry_after_seconds=retry_after_seconds(response),
    )


def _shown(response: httpx.Response) -> str:
    """Return the beginning of the answer, which says why; requests and credentials are not in it."""
    return response.text[:_SHOWN_CHARACTERS].replace("\n", " ")
