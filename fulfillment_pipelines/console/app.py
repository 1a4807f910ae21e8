"""Makes the web application of a console: its routes, its headers, and how errors are answered.

What a route does belongs to `pages` and `api`; who may, to `access`.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from fulfillment_pipelines.console.access.doorway import HEADERS, Doorway
from fulfillment_pipelines.console.access.guard import SAFE_METHODS
from fulfillment_pipelines.console.access.routes import require_permissions
from fulfillment_pipelines.console.api.application import ApiMount
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.pages import (
    account,
    audit,
    case,
    case_decisions,
    case_work,
    changes,
    flow,
    governance,
    health,
    integrations,
    order,
    queue,
    queue_approve,
    queue_bulk,
    queue_stream,
    sign_in,
)
from fulfillment_pipelines.console.refusals import (
    NotSignedInError,
    NotThereError,
    PasswordFirstError,
    TokenRefusedError,
    headers_of,
    status_of,
)
from fulfillment_pipelines.errors import BadDataError, FulfillmentError, InvariantError

_SCREENS: Final = (
    sign_in,
    account,
    health,
    queue,
    queue_bulk,
    queue_approve,
    queue_stream,
    case,
    case_work,
    case_decisions,
    flow,
    integrations,
    order,
    governance,
    changes,
    audit,
)
_STATIC: Final = Path(__file__).parent / "static"


def create_app(console: Console) -> FastAPI:
    """Return the application of a console.

    Raises:
        ConfigurationError: A route declares no permission and is not public.
    """
    app = FastAPI(title="fulfillment_pipelines", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    for screen in _SCREENS:
        app.include_router(screen.router)
    app.router.routes.append(ApiMount(console))
    app.add_middleware(Doorway, address=console.address)
    app.add_exception_handler(FulfillmentError, _told)
    app.add_exception_handler(RequestValidationError, _told_of_form)
    app.add_exception_handler(HTTPException, _told_of_request)
    app.add_exception_handler(Exception, _told_of_failure)
    require_permissions(app.routes)
    return app


async def _told(request: Request, error: Exception) -> Response:
    """Answer an error of the product: to the sign-in where nobody is signed in, else with what it says."""
    if not isinstance(error, FulfillmentError):
        raise error
    is_piece = request.headers.get("HX-Request") == "true"
    if not is_piece and (leads_to := _leads_to(request, error)):
        return RedirectResponse(leads_to, status_code=303)
    pages = request.app.state.console.pages
    status = status_of(error)
    response: Response = pages.show(
        request, "error_piece.html.j2" if is_piece else "error.html.j2", view=error, status=status
    )
    response.headers.update(headers_of(error))
    if is_piece:
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "beforeend"
    return response


async def _told_of_form(request: Request, error: Exception) -> Response:
    """Answer a form or an address that cannot be read: by its fields, never by what was typed into them."""
    wrong = error.errors() if isinstance(error, RequestValidationError) else []
    return await _told(
        request,
        BadDataError(
            "What was sent cannot be read.",
            expected="; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in wrong[:5]),
            found="something else, which is not shown",
            remedy="go back and correct it",
        ),
    )


async def _told_of_request(request: Request, error: Exception) -> Response:
    """Answer what no route takes."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    told = NotThereError(
        f"{status.phrase}: {request.method} {request.url.path}",
        expected="a page of this console",
        remedy="go back to the queue",
    )
    headers = error.headers if isinstance(error, HTTPException) else None
    answer = await _told(request, told)
    answer.status_code = status
    answer.headers.update(headers or {})
    return answer


async def _told_of_failure(request: Request, error: Exception) -> Response:
    """Answer what should not have happened: with its identity alone; what it was stands in the log."""
    told = InvariantError(
        "This page could not be made.",
        found=f"{type(error).__name__}, request {request.state.request_id}",
        remedy="try again; if it stays, give the number of the request to who runs this console",
    )
    answer = await _told(request, told)
    answer.status_code = HTTPStatus.INTERNAL_SERVER_ERROR
    answer.headers.update({**HEADERS, "Cache-Control": "no-store", "X-Request-ID": request.state.request_id})
    return answer


def _leads_to(request: Request, error: FulfillmentError) -> str:
    """Return the page that a person must go to first; empty for none."""
    if isinstance(error, PasswordFirstError):
        return "/password"
    if not isinstance(error, NotSignedInError) or isinstance(error, TokenRefusedError):
        return ""
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = request.url.path + query if request.method in SAFE_METHODS else "/"
    return f"/sign-in?{urlencode({'next': wanted}, safe='/')}"
