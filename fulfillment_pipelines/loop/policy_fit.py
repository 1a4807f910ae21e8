"""Whether the policies fit what a distributor has declared: asked before anything starts, and before one is changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fulfillment_pipelines.corrections.delivering.fallback import require_ways_round
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.rights.rights_check import DeclaredMessages, require_within_rights
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.systems.declaration import SystemDeclaration
from fulfillment_pipelines.systems.distributor import Distributor


def require_policies_fit(
    policies: Policies, distributor: Distributor, declarations: Iterable[SystemDeclaration], sql: Path
) -> None:
    """Do nothing where every declared message may be written, and every way round can be gone.

    Args:
        policies: What people have laid down.
        distributor: Its files of declared systems, in their order.
        declarations: What they say, in the same order.
        sql: The folder of the SQL files, for the rules.

    Raises:
        ConfigurationError: A system or a rule asks for what nobody may write; names it.
    """
    systems = tuple(declarations)
    declared = [
        DeclaredMessages.of(declaration, path) for path, declaration in zip(distributor.systems, systems, strict=True)
    ]
    require_ways_round(policies.delivery, {system.name: system.messages for system in systems})
    require_within_rights(policies.authority, declared, read_rules(read_models(sql / "30_reconcile" / "rules")))
