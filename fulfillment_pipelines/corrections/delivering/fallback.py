"""Whether the other way to a target, which the policy names, exists and takes the same messages.

When a correction goes that way is decided in `neglected`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.errors import ConfigurationError


def require_ways_round(policy: DeliveryPolicy, messages: Mapping[str, Collection[str]]) -> None:
    """Return if every fallback of a declared target can take what the target takes.

    Args:
        policy: Names the fallbacks. Targets that are not there, or only read, are passed over.
        messages: The messages each declared system takes, by its name.

    Raises:
        ConfigurationError: A fallback is not declared, or does not take a message of its target.
    """
    for target, limits in policy.targets.items():
        if limits.fallback is None or not messages.get(target):
            continue
        missing = sorted(set(messages[target]) - set(messages.get(limits.fallback.to, ())))
        if limits.fallback.to not in messages or missing:
            raise ConfigurationError(
                f"'{limits.fallback.to}' cannot stand in for '{target}', as delivery.yaml wants it to.",
                expected=f"a declared system that takes {', '.join(sorted(messages[target]))}",
                found=f"it does not take {', '.join(missing)}" if limits.fallback.to in messages else "no such system",
                remedy="declare them in its YAML, or change `fallback:` of the target",
            )
