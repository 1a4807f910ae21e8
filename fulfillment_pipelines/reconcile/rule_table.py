"""The table of codes for documents, made from the headers of the rules; it says nothing that no header says.

Only the table and its place in a document belong here; what a header means belongs to `rules`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rules import Rule

BEGIN: Final = "<!-- rules: made by `fulfillment rules table` -->"
END: Final = "<!-- end of rules -->"
_HEAD: Final = (
    "| Code | Name | What is wrong | Compares | Severity · owner | Correction |",
    "|---|---|---|---|---|---|",
)


def markdown_table(rules: Iterable[Rule]) -> str:
    """Return the rules as a Markdown table, one line each, in the order given."""
    return "\n".join([*_HEAD, *(_line(rule) for rule in rules)])


def with_table(document: str, rules: Iterable[Rule]) -> str:
    """Return the document with the table between its two marks.

    Raises:
        ConfigurationError: The document does not hold the two marks, in their order.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigurationError(
            "The document has no place for the table of rules.",
            expected=f"a line {BEGIN} and, after it, a line {END}",
            remedy="put the two lines where the table shall stand",
        )
    return f"{before}{BEGIN}\n\n{markdown_table(rules)}\n\n{END}{after}"


def _corrections(rule: Rule) -> str:
    by_class: dict[str, list[str]] = {}
    for route in rule.routes:
        by_class.setdefault(route.correction_class.value, []).append(f"{route.message} → {route.role.value}")
    return "; ".join(f"{', '.join(routes)} ({correction_class})" for correction_class, routes in by_class.items())


def _line(rule: Rule) -> str:
    compared: dict[str, list[str]] = {}
    for need in rule.feeds:
        compared.setdefault(need.role.value, []).append(need.contract.replace("_", " "))
    sources = "; ".join(f"{role}: {', '.join(contracts)}" for role, contracts in compared.items())
    cells = (
        rule.code,
        rule.name,
        rule.title,
        sources or "the platform's own records",
        f"{rule.severity.value} · {rule.owner}",
        _corrections(rule) or "none",
    )
    return "| " + " | ".join(cells) + " |"
