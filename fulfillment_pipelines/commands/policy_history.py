"""`fulfillment policy history` and `policy diff`: which policies and rules were in force when, and what they said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from difflib import unified_diff
from typing import Annotated

import typer

from fulfillment_pipelines.commands.opening import Config, reading_ledger
from fulfillment_pipelines.commands.output import AsJson, show_json, show_rows
from fulfillment_pipelines.ledger.policy_editions import PolicyChange, policies_of, policy_changes

_SHOWN_CHARACTERS = 12

Version = Annotated[str, typer.Argument(help="Version of a policy or of a rule, or its first characters.")]


def show_history(
    file: Annotated[str | None, typer.Option(help="Only this file, for example corrections.yaml.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List every change of a policy file or rule that the platform has noticed: when, who ran it, from what to what.

    Example: fulfillment policy history --file corrections.yaml
    """
    with reading_ledger(config) as work:
        changes = [change for change in policy_changes(work) if file in (None, change.file_name)]
    rows = [asdict(change) for change in changes] if as_json else [_row(change) for change in changes]
    show_rows("Changes of policy", rows, as_json=as_json, empty="none recorded yet; `fulfillment run` records them")


def show_diff(before: Version, after: Version, config: Config = None, as_json: AsJson = False) -> None:
    """Show what two versions of the policies, or of a rule, say differently, line by line.

    Example: fulfillment policy diff 5f1e0c8a55a1 9b1d4407a3e2
    """
    with reading_ledger(config) as work:
        old, new = policies_of(work, before), policies_of(work, after)
    changes = {name: list(lines) for name, lines in _differences(old, new)}
    if as_json:
        show_json(changes)
        return
    for lines in changes.values():
        typer.echo("\n".join(lines))
    if not changes:
        typer.echo("Both say the same.")


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, Iterator[str]]]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield name, unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")


def _row(change: PolicyChange) -> dict[str, object]:
    return {
        "recorded_at": change.recorded_at,
        "actor": change.actor,
        "file_name": change.file_name,
        "from_version": change.previous_version[:_SHOWN_CHARACTERS],
        "to_version": change.policy_version[:_SHOWN_CHARACTERS],
        "content": change.content_hash[:_SHOWN_CHARACTERS] or "removed",
    }
