"""Everything the console works with, built once: the platform, the questions it asks the lake, the templates."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from fulfillment_pipelines.console.access.address import Address
from fulfillment_pipelines.console.access.open_id import OpenIdDoor, open_id_door
from fulfillment_pipelines.console.access.passwords import Passwords
from fulfillment_pipelines.console.access.throttle import Failures
from fulfillment_pipelines.console.reading.flow_memory import FlowMemory
from fulfillment_pipelines.console.reading.ledger_watch import LedgerWatch
from fulfillment_pipelines.console.reading.queue_memory import QueueMemory
from fulfillment_pipelines.console.rendering import Pages
from fulfillment_pipelines.console.verifying import AuditVerifier
from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.intake import read_case_policy
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.platform import Platform, build_platform, runtime_folder
from fulfillment_pipelines.loop.policy_mark import read_mark
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
        address: Where browsers reach the console.
        open_id: Where people sign in who do not sign in here; None for nowhere.
        takes_passwords: Whether people sign in with passwords of accounts here.
        address_failures: Wrong passwords by the address they came from.
        device_failures: The same by the browser, where its person has used it before.
        queue: What is remembered of the queue for some seconds.
        verifier: Verifies the audit log beside everything else.
        flow: What is remembered of the flow for some seconds.
        watch: Tells pages that something has happened to a case.
    """

    platform: Platform
    questions: Questions
    explanations: Questions
    pages: Pages
    passwords: Passwords = field(default_factory=Passwords)
    address: Address = field(default_factory=Address)
    open_id: OpenIdDoor | None = None
    takes_passwords: bool = True
    address_failures: Failures = field(init=False)
    device_failures: Failures = field(init=False)
    queue: QueueMemory = field(default_factory=QueueMemory)
    flow: FlowMemory = field(default_factory=FlowMemory)
    watch: LedgerWatch = field(init=False)
    verifier: AuditVerifier = field(init=False)
    _clock_guard: threading.Lock = field(default_factory=threading.Lock)
    _clock_asked: float = 0.0
    _mark: str = ""
    _mark_looked_at: float = 0.0

    def __post_init__(self) -> None:
        """Begin to count wrong passwords, for as long as a lock lasts, and be ready to watch the ledger."""
        seconds = 60 * self.policies.access.seed.sign_in.lock_minutes
        self.address_failures, self.device_failures = Failures(seconds), Failures(seconds)
        self.watch = LedgerWatch(self.reading)
        self.verifier = AuditVerifier(self.platform)

    @property
    def policies(self) -> Policies:
        """What people have laid down."""
        return self.platform.policies

    @property
    def cookie_name(self) -> str:
        """Name of the cookie of a session."""
        return self.cookie("fulfillment")

    def cookie(self, name: str) -> str:
        """Return the name of a cookie; the prefix binds it to this host and to TLS."""
        return f"__Host-{name}" if self.address.is_secure else name

    def reload_policies(self) -> None:
        """Read the policy files anew, so that what follows is decided by what they say now.

        Raises:
            ConfigurationError: A file is wrong; what was read before stays in force.
        """
        seeds = self.platform.distributor.seeds
        policies, case_policy = read_policies(seeds), read_case_policy(seeds)
        self.platform = replace(self.platform, policies=policies, case_policy=case_policy)

    def notice_policies(self) -> None:
        """Read the policy files anew where another process has put others in force, looked at once a second."""
        with self._clock_guard:
            if time.monotonic() - self._mark_looked_at < _CLOCK_SECONDS:
                return
            self._mark_looked_at = time.monotonic()
            mark = read_mark(runtime_folder(self.platform.settings, self.platform.distributor))
            if mark in {self._mark, self.policies.version}:
                return
            self._mark = mark
            with suppress(ConfigurationError):
                self.reload_policies()

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
        self.watch.close()
        self.verifier.close()
        self.platform.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def build_console(settings: Settings, *, config: Path | None = None) -> Console:
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
        address=Address(settings.console_url),
        open_id=open_id_door(settings, platform.distributor),
        takes_passwords=settings.console_passwords,
    )
