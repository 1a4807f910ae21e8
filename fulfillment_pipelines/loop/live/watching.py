"""Hear of news without asking for it: messages in the inbox, and databases that tell of changes.

Hearing rings the bell and nothing else. What is not heard, because a connection broke, is found by polling.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from fulfillment_pipelines.errors import FulfillmentError, RetryableError
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.loop.live.bell import Bell
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.systems.declaration import WebhookDeclaration

_INBOX_SECONDS: Final = 0.1
_AGAIN_SECONDS: Final = 5.0


class Watch:
    """The ears of one loop.

    Args:
        platform: The platform, prepared.
        bell: Rung for the systems that have news.
        trouble: Told what cannot be heard, in words.
    """

    def __init__(self, platform: Platform, bell: Bell, trouble: Callable[[str], None] = lambda _: None) -> None:
        self._platform = platform
        self._bell = bell
        self._trouble = trouble
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to listen: one thread for the inbox, and one for each database that tells."""
        if any(isinstance(one, WebhookDeclaration) for one in self._platform.registry.declarations.values()):
            threading.Thread(target=self._watch_inbox, name="watch-inbox", daemon=True).start()
        for system in self._platform.registry.systems:
            listener = self._platform.registry.listener(system)
            if listener is not None:
                work = (system, listener.listen)
                threading.Thread(target=self._listen, args=work, name=f"listen-{system}", daemon=True).start()

    def stop(self) -> None:
        """Let all threads end when they look up next."""
        self._stop.set()

    def _watch_inbox(self) -> None:
        """Look for new messages: one short query of the ledger, which has no rate limit, whoever received them."""
        inbox, known = LedgerInbox(self._platform.ledger), dict[str, int]()
        while not self._stop.wait(_INBOX_SECONDS):
            try:
                newest = inbox.last_of_each()
            except RetryableError as error:
                self._trouble(str(error))
                continue
            rung = {system for system, last in newest.items() if known.get(system) != last}
            known = newest
            if rung:
                self._bell.ring(woken_by(self._platform, rung))

    def _listen(self, system: str, listen: Callable[[Callable[[], bool], Callable[[], None]], None]) -> None:
        while not self._stop.is_set():
            try:
                listen(self._stop.is_set, lambda: self._bell.ring([system]))
            except FulfillmentError as error:
                self._trouble(str(error))
                self._stop.wait(_AGAIN_SECONDS)


def woken_by(platform: Platform, senders: set[str]) -> frozenset[str]:
    """Return the systems to ask when these have sent something: they themselves, and those they ring for."""
    declared: Mapping[str, object] = platform.registry.declarations
    woken = set(senders)
    for sender in senders:
        declaration = declared.get(sender)
        if isinstance(declaration, WebhookDeclaration):
            woken.update(name for bell in declaration.bells.values() for name in bell.wakes)
    return frozenset(woken)
