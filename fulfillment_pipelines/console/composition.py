"""Everything the console works with, built once: the platform, the questions it asks the lake, the templates."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from fulfillment_pipelines.console.access.passwords import Passwords
from fulfillment_pipelines.console.rendering import Pages
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings

_CLOCK_SECONDS: Final = 1.0


@dataclass
class Console:
    """What pages and the API work with.

    Attributes:
        platform: The same parts that the loop works with, over a lake that cannot be written here.
        questions: What is asked of the lake, by name: the files of `sql/60_console`.
        explanations: What `fulfillment explain` asks of it: the files of `sql/50_explanation`.
        pages: Makes pages of templates.
        passwords: Hashes and verifies passwords.
        is_secure: Whether browsers reach the console by TLS only, so that cookies are sent no other way.
    """

    platform: Platform
    questions: Questions
    explanations: Questions
    pages: Pages
    passwords: Passwords = field(default_factory=Passwords)
    is_secure: bool = False
    _clock_guard: threading.Lock = field(default_factory=threading.Lock)
    _clock_asked: float = 0.0

    @property
    def policies(self) -> Policies:
        """What people have laid down."""
        return self.platform.policies

    @property
    def cookie_name(self) -> str:
        """Name of the cookie of a session; the prefix binds it to this host and to TLS."""
        return "__Host-fulfillment" if self.is_secure else "fulfillment"

    def now(self) -> datetime:
        """Return the present of the deployment, in which deadlines and freshness are measured."""
        with self._clock_guard:
            if time.monotonic() - self._clock_asked >= _CLOCK_SECONDS:
                self.platform.refresh_clock()
                self._clock_asked = time.monotonic()
            return self.platform.clock.now()

    def machine_now(self) -> datetime:
        """Return the time of this machine, in which sessions and tokens end."""
        return self.platform.machine_clock.now()

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """Open the ledger for reading."""
        with self.platform.ledger.reading() as work:
            yield work

    @contextmanager
    def deciding(self, request_id: str) -> Iterator[UnitOfWork]:
        """Open the ledger for what a person decides; the caller commits."""
        with self.platform.ledger.unit_of_work(request_id) as work:
            yield work

    def close(self) -> None:
        """Close every connection."""
        self.platform.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_console(settings: Settings, *, config: Path | None = None, is_secure: bool = False) -> Console:
    """Build the console of one distributor, with the ledger's tables in place.

    Raises:
        ConfigurationError: A file is missing or wrong; the message names it.
    """
    platform = build_platform(settings, config=config, read_only=True)
    platform.prepare_ledger()
    sql = settings.project_root / "sql"
    return Console(
        platform=platform,
        questions=Questions(platform.warehouse, sql / "60_console"),
        explanations=Questions(platform.warehouse, sql / "50_explanation"),
        pages=Pages(),
        is_secure=is_secure,
    )
