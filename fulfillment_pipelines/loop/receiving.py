"""What systems post to us, brought to where it belongs: feeds to the inbox, notices to their deliveries."""

from __future__ import annotations

from starlette.applications import Starlette

from fulfillment_pipelines.corrections.delivering.notices import take_notice
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.systems.declaration import WebhookDeclaration
from fulfillment_pipelines.systems.transports.events.receiver import Destinations, build_receiver


def webhook_systems(platform: Platform) -> tuple[WebhookDeclaration, ...]:
    """Return the declared systems that post to us."""
    declared = platform.registry.declarations.values()
    return tuple(declaration for declaration in declared if isinstance(declaration, WebhookDeclaration))


def receiver_of(platform: Platform) -> Starlette:
    """Return the application that receives for a deployment; the ledger must be prepared."""

    def take(notice: Notice) -> None:
        with platform.ledger.unit_of_work() as work:
            take_notice(work, notice, platform.policies.delivery)
            work.commit()

    destinations = Destinations(
        inbox=LedgerInbox(platform.ledger),
        take_notice=take,
        clock=platform.machine_clock,
        references=platform.registry.references,
    )
    return build_receiver(webhook_systems(platform), destinations)
