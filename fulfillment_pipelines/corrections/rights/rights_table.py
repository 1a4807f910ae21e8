"""The decision rights and the gate as Markdown tables, made from the policy files; they say nothing that no file says.

Only the tables and their place in a document belong here; what a row means belongs to `authority` and `gate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.gate import GateClause
from fulfillment_pipelines.corrections.proposing.policy import Certification
from fulfillment_pipelines.corrections.rights.authority import AuthorityMatrix, Grant
from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.errors import ConfigurationError

BEGIN: Final = "<!-- decision rights: made by `fulfillment policy matrix` -->"
END: Final = "<!-- end of decision rights -->"
_CLASS_ORDER: Final = "PGRNJ"


def markdown_tables(policies: Policies) -> str:
    """Return the decision rights, the clauses of the gate and the certified codes as Markdown."""
    return "\n\n".join(
        (
            "## Whose word stands",
            _table(("Attribute", "Authority", "What it is", "Clause"), _attributes(policies.authority)),
            "## What may be written where",
            _table(
                ("Message", "Class", "Into", "Writes (authority)", "Read before", "Because", "Clause"),
                _grants(policies.authority),
            ),
            "## What must be so before it is done without a person",
            _table(("Clause", "Asks that", "Otherwise decided by"), _clauses()),
            "## Codes that may be corrected without a person",
            _table(("Code", "Certified", "By", "Evidence", "Demoted"), _certificates(policies.gate.certification)),
        )
    )


def with_tables(document: str, policies: Policies) -> str:
    """Return the document with the tables between its two marks.

    Raises:
        ConfigurationError: The document does not hold the two marks, in their order.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigurationError(
            "The document has no place for the decision rights.",
            expected=f"a line {BEGIN} and, after it, a line {END}",
            remedy="put the two lines where the tables shall stand",
        )
    return f"{before}{BEGIN}\n\n{markdown_tables(policies)}\n\n{END}{after}"


def classes_of(grant: Grant) -> str:
    """Return the classes of a row in the order in which people name them."""
    return ", ".join(one.value for one in sorted(grant.classes, key=_place))


def conditions_of(grant: Grant) -> str:
    """Return what a row asks of the content, in words; empty where it asks nothing."""
    told = []
    for name in grant.precondition:
        values = " or ".join(str(value) for value in grant.only_while.get(name, ()))
        told.append(f"{name} (while {values})" if values else name)
    if grant.lowers:
        told.append(f"only lowers {grant.lowers}")
    return ", ".join(told) + ("; compared when written" if grant.compared else "")


def writes_of(grant: Grant, authority: AuthorityMatrix) -> str:
    """Return what a row writes, each with whose word it is."""
    return ", ".join(f"{name} ({authority.attributes[name].authority})" for name in grant.writes)


def _place(correction_class: CorrectionClass) -> int:
    return _CLASS_ORDER.index(correction_class)


def _attributes(authority: AuthorityMatrix) -> Iterator[tuple[str, ...]]:
    for name, row in authority.attributes.items():
        yield f"`{name}`", row.authority, row.about, row.clause_id


def _grants(authority: AuthorityMatrix) -> Iterator[tuple[str, ...]]:
    for grant in authority.grants:
        yield (
            f"`{grant.message}`",
            classes_of(grant),
            ", ".join(sorted(grant.receivers)),
            writes_of(grant, authority),
            conditions_of(grant),
            grant.because,
            grant.clause_id,
        )


def _clauses() -> Iterator[tuple[str, ...]]:
    for clause in GateClause:
        yield clause.value, clause.asks, clause.decides


def _certificates(certification: Certification) -> Iterator[tuple[str, ...]]:
    for one in certification.certificates:
        demoted = "" if one.demoted is None else f"{one.demoted.demoted_on}: {one.demoted.because}"
        yield one.code, str(one.certified_on), one.certified_by, one.evidence, demoted


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
