"""Makes pages of templates: how money, quantities and moments are written, and what every page knows.

What a screen shows is a value of `reading`, passed as `view`; nothing is worked out in a template.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from fulfillment_pipelines.domain.finding import NO_CURRENCY

_FOLDER: Final = Path(__file__).parent
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f]"
)
_DAY_HOURS: Final = 24
_HOUR_SECONDS: Final = 3600


class Viewer(Protocol):
    """Who a page is made for."""

    @property
    def csrf_token(self) -> str:
        """What its forms carry."""
        ...


class Pages:
    """Renders the templates of this package."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=with_marks,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "money": money,
            "qty": quantity,
            "moment": moment,
            "span": span,
            "until": until,
            "json_block": json_block,
        }

    def show(
        self, request: Request, template: str, *, actor: Viewer | None = None, view: object = None, status: int = 200
    ) -> HTMLResponse:
        """Return a page.

        Args:
            request: What is answered.
            template: Its file.
            actor: Who asks; None where nobody is signed in.
            view: What is shown.
            status: Of the answer.
        """
        text = self.render(request, template, actor=actor, view=view)
        return HTMLResponse(text, status_code=status)

    def render(self, request: Request, template: str, *, actor: Viewer | None = None, view: object = None) -> str:
        """Return the text of a template, for pages and for pieces of them."""
        return self._environment.get_template(template).render(
            request=request, actor=actor, view=view, path=request.url.path
        )


def with_marks(value: object) -> object:
    """Show as a mark, such as `[U+202E]`, each character of a text that would hide or reorder what stands around it.

    Applied to everything that a template writes, so that no text of another system can make a page say what it does
    not: controls, overrides and isolates of the writing direction, and characters without width.
    """
    if not isinstance(value, str) or _HIDDEN.search(value) is None:
        return value
    marked = _HIDDEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", value)
    return Markup(marked) if isinstance(value, Markup) else marked  # noqa: S704 - a mark holds nothing to escape


def money(amount: Decimal | None, currency: str = "") -> str:
    """Write an amount with its currency: `1,234.50 USD`; nothing where it is not about money."""
    return "" if amount is None or currency == NO_CURRENCY else f"{amount:,.2f} {currency}".rstrip()


def quantity(value: Decimal | None) -> str:
    """Write a quantity without trailing zeros: `12`, `0.5`."""
    return "" if value is None else f"{value.normalize():,f}"


def moment(at: datetime | None) -> Markup:
    """Write a moment in UTC, so that a script may show it in the reader's own zone."""
    if at is None:
        return Markup("")
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), f"{at:%Y-%m-%d %H:%M}")


def span(duration: timedelta | None) -> str:
    """Write a duration in its two largest parts: `3 d 4 h`, `2 h 05 min`, `12 min`."""
    if duration is None:
        return ""
    sign, seconds = ("-" if duration < timedelta(0) else ""), abs(int(duration.total_seconds()))
    hours, rest = divmod(seconds, _HOUR_SECONDS)
    minutes = rest // 60
    if hours >= _DAY_HOURS:
        days, left = divmod(hours, _DAY_HOURS)
        return f"{sign}{days} d {left} h"
    return f"{sign}{hours} h {minutes:02} min" if hours else f"{sign}{minutes} min"


def until(due_at: datetime | None, now: datetime) -> Markup:
    """Write how long until a deadline, or since when it is over, in words that say which."""
    if due_at is None:
        return Markup("")
    left = due_at - now
    is_over = left < timedelta(0)
    words = f"{span(-left)} over" if is_over else f"{span(left)} left"
    kind = "overdue" if is_over else ("soon" if left < timedelta(hours=2) else "due")
    return Markup('<span class="sla {}" title="{}">{}</span>').format(kind, f"{due_at:%Y-%m-%d %H:%M} UTC", words)


def json_block(value: Any) -> Markup:
    """Write data for a script into a page, so that no text in it can end the block."""
    text = json.dumps(value, default=str, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped here


__all__ = ["Pages", "Viewer", "escape", "json_block", "moment", "money", "quantity", "span", "until"]
