"""Hear of news without asking for it: messages in the inbox, and databases that tell of changes.

Hearing rings the bell and nothing else. What is not heard, because a connection broke, is found by polling.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.loop.live.bell import Bell
from fulfillment_pipelines.loop.live.keeping_on import keep_on
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.systems.declaration import WebhookDeclaration

_INBOX_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 1.0
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
        self._inbox = LedgerInbox(platform.ledger)
        self._heard_no = 0

    def start(self) -> None:
        """Begin to listen: one thread for the inbox, and one for each database that tells."""
        if any(isinstance(one, WebhookDeclaration) for one in self._platform.registry.declarations.values()):
            self._begin("watch-inbox", self._look_into_inbox)
        for system in self._platform.registry.systems:
            listener = self._platform.registry.listener(system)
            if listener is not None:
                turn = partial(listener.listen, self._stop.is_set, partial(self._bell.ring, [system]))
                self._begin(f"listen-{system}", turn, pause_seconds=_AGAIN_SECONDS)

    def stop(self) -> None:
        """Let all threads end when they look up next."""
        self._stop.set()

    def _begin(self, name: str, turn: Callable[[], None], *, pause_seconds: float = _PAUSE_SECONDS) -> None:
        work = partial(keep_on, turn, stop=self._stop, trouble=self._trouble, who=name, pause_seconds=pause_seconds)
        threading.Thread(target=work, name=name, daemon=True).start()

    def _look_into_inbox(self) -> None:
        """Look for new messages: one short query of the ledger, which has no rate limit, whoever received them."""
        if self._stop.wait(_INBOX_SECONDS):
            return
        newest_no, senders = self._inbox.senders_after(self._heard_no)
        if senders:
            self._bell.ring(woken_by(self._platform, senders))
        self._heard_no = newest_no


def woken_by(platform: Platform, senders: Collection[str]) -> frozenset[str]:
    """Return the systems to ask when these have sent something: they themselves, and those they ring for."""
    declared: Mapping[str, object] = platform.registry.declarations
    woken = set(senders)
    for sender in senders:
        declaration = declared.get(sender)
        if isinstance(declaration, WebhookDeclaration):
            woken.update(name for bell in declaration.bells.values() for name in bell.wakes)
    return frozenset(woken)
