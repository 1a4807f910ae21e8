"""Guess what the lists and fields of a system are: which contract, which columns, which codes, which key.

Every guess says how sure it is, from 0 to 1. What is not sure enough is not guessed: its candidates are told instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.vocabulary import Column, Contract
from fulfillment_pipelines.onboarding.columns import ColumnGuess, guess_value, likeness
from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField, Written
from fulfillment_pipelines.onboarding.shapes import Seen, Shape, is_unique, look_at
from fulfillment_pipelines.onboarding.synonyms import Thesaurus, Words

_SURE_ENOUGH: Final = 0.6
_CANDIDATE: Final = 0.3
_NEAR: Final = 0.5
# A list whose best contract is kept by another one may take a contract that fits it nearly as well.
_SECOND_CHOICE: Final = 0.1
_SHOWN_CANDIDATES: Final = 3
_LARGEST_KEY: Final = 3
_KEY_FIELDS_TRIED: Final = 10
_CHANGED: Final = 0.85
# Columns that a system often leaves to its reader: they say little about which contract a list keeps.
_OFTEN_UNSAID: Final = ("uom", "currency", "node")
_WEIGHT_UNSAID: Final = 0.2
_WEIGHT_KEY: Final = 1.5
_SHARE_COLUMNS: Final = 0.5
_SHARE_NAME: Final = 0.3
_SHARE_ROLE: Final = 0.1
_SHARE_USED: Final = 0.1

Candidates = tuple[tuple[str, float], ...]
"""Names and how well each would do, the best first."""


@dataclass(frozen=True, slots=True)
class EntityGuess:
    """What one list is taken for.

    Attributes:
        entity: The list.
        contract: The contract it is taken to keep.
        sure: How sure that is.
        others: Contracts that would also do.
        columns: The columns that were found, in the contract's order.
        missing: Columns that were not, with the fields that come nearest; required ones only.
        key: Fields that identify a row.
        key_reason: Why those.
        since: How what changed could be asked for; empty where nothing says so.
    """

    entity: SampledEntity
    contract: Contract
    sure: float
    others: Candidates
    columns: tuple[ColumnGuess, ...]
    missing: Mapping[str, Candidates]
    key: tuple[str, ...]
    key_reason: str
    since: Mapping[str, Written]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are read, in the source's order."""
        used = {*self.key, *(column.field for column in self.columns)}
        return tuple(field.name for field in self.entity.fields if field.name in used)

    @property
    def unused(self) -> tuple[str, ...]:
        """The fields that are not read."""
        return tuple(field.name for field in self.entity.fields if field.name not in self.fields)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A list that is taken for nothing.

    Attributes:
        entity: The list.
        candidates: The contracts that come nearest.
        reason: Why it was left out.
    """

    entity: SampledEntity
    candidates: Candidates
    reason: str

    @property
    def is_near(self) -> bool:
        """Whether somebody should look at it: it is nearly something, or something else is it better."""
        return bool(self.candidates) and self.candidates[0][1] >= _NEAR


def guess_system(
    entities: Sequence[SampledEntity], thesaurus: Thesaurus, *, role: str, node: str
) -> tuple[tuple[EntityGuess, ...], tuple[Unplaced, ...]]:
    """Return what each list is taken for; a contract is given to the list that fits it best.

    Args:
        entities: The lists of one system.
        thesaurus: The words that other systems use.
        role: What the system is to the distributor.
        node: The site it speaks for; empty where it speaks for all.
    """
    ranked = {entity.name: _ranked(entity, thesaurus, role=role, node=node) for entity in entities}
    by_name = {entity.name: entity for entity in entities}
    offers = sorted(
        (-sure, position, name, contract)
        for name, candidates in ranked.items()
        for position, (contract, sure) in enumerate(candidates)
        if sure >= max(_SURE_ENOUGH, candidates[0][1] - _SECOND_CHOICE)
    )
    placed: dict[str, EntityGuess] = {}
    taken: set[str] = set()
    for negative, _, name, contract in offers:
        if name not in taken and contract not in placed:
            others = tuple(other for other in ranked[name] if other[0] != contract)
            placed[contract] = _guess(by_name[name], contract, -negative, others, thesaurus, node=node)
            taken.add(name)
    unplaced = [
        Unplaced(by_name[name], _told(candidates), _reason(candidates[0], placed))
        for name, candidates in ranked.items()
        if name not in taken
    ]
    order = {entity.name: position for position, entity in enumerate(entities)}
    return (
        tuple(sorted(placed.values(), key=lambda guess: order[guess.entity.name])),
        tuple(sorted(unplaced, key=lambda left: order[left.entity.name])),
    )


def _reason(best: tuple[str, float], placed: Mapping[str, EntityGuess]) -> str:
    if best[1] < _SURE_ENOUGH:
        return "fits no contract well enough"
    return f"{placed[best[0]].entity.name} fits {best[0]} better"


def guess_role(entities: Sequence[SampledEntity], thesaurus: Thesaurus, *, node: str) -> tuple[str, float]:
    """Return the role whose usual contracts the lists fit best, and how sure that is."""
    best = {entity.name: _ranked(entity, thesaurus, role="", node=node)[0] for entity in entities}
    scores = {
        role: sum(sure for contract, sure in best.values() if contract in usual and sure >= _SURE_ENOUGH) / len(usual)
        for role, usual in thesaurus.roles.items()
    }
    role = max(scores, key=lambda name: scores[name])
    return role, round(min(1.0, scores[role]), 2)


def _ranked(entity: SampledEntity, thesaurus: Thesaurus, *, role: str, node: str) -> Candidates:
    words = thesaurus.words_of(entity.name)
    seen = {field.name: look_at(field) for field in entity.fields}
    scores = {
        name: _fitness(contract, entity, seen, words, thesaurus, role=role, node=node)
        for name, contract in CONTRACTS.items()
    }
    return tuple(sorted(scores.items(), key=lambda item: -item[1]))


def _fitness(
    contract: Contract,
    entity: SampledEntity,
    seen: Mapping[str, Seen],
    words: Words,
    thesaurus: Thesaurus,
    *,
    role: str,
    node: str,
) -> float:
    found = _assigned(contract, entity, seen, words, thesaurus)
    weights = {column.name: _weight(contract, column, node=node) for column in contract.columns if column.required}
    covered = sum(weight * found.get(name, ("", 0.0))[1] for name, weight in weights.items()) / sum(weights.values())
    usual = thesaurus.roles.get(role, ())
    in_role = (1.0 if contract.name in usual else 0.0) if usual else 0.5
    return round(
        _SHARE_COLUMNS * covered
        + _SHARE_NAME * thesaurus.nearness("contract", contract.name, words)
        + _SHARE_ROLE * in_role
        + _SHARE_USED * len(found) / max(1, len(entity.fields)),
        2,
    )


def _weight(contract: Contract, column: Column, *, node: str) -> float:
    if column.name == "node" and node:
        return 0.0
    if column.name in _OFTEN_UNSAID:
        return _WEIGHT_UNSAID
    return _WEIGHT_KEY if column.name in contract.key else 1.0


def _assigned(
    contract: Contract, entity: SampledEntity, seen: Mapping[str, Seen], words: Words, thesaurus: Thesaurus
) -> dict[str, tuple[str, float]]:
    """Give each column at most one field and each field at most one column, the surest first."""
    pairs = sorted(
        (
            (-likeness(column, field, seen[field.name], words, thesaurus), not column.required, position, field.name)
            for position, column in enumerate(contract.columns)
            for field in entity.fields
        )
    )
    found: dict[str, tuple[str, float]] = {}
    taken: set[str] = set()
    for score, _, position, field_name in pairs:
        name = contract.columns[position].name
        if -score >= _SURE_ENOUGH and name not in found and field_name not in taken:
            found[name] = (field_name, round(-score, 2))
            taken.add(field_name)
    return found


def _guess(
    entity: SampledEntity, contract_name: str, sure: float, others: Candidates, thesaurus: Thesaurus, *, node: str
) -> EntityGuess:
    contract = CONTRACTS[contract_name]
    words = thesaurus.words_of(entity.name)
    seen = {field.name: look_at(field) for field in entity.fields}
    found = _assigned(contract, entity, seen, words, thesaurus)
    if node:
        found.pop("node", None)
    by_name = {field.name: field for field in entity.fields}
    columns = [
        _referring(guess_value(column, field, sure_of, seen[field], thesaurus), by_name[field])
        for column in contract.columns
        if column.name in found
        for field, sure_of in [found[column.name]]
    ]
    missing = {
        column.name: _nearest(column, entity, seen, words, thesaurus)
        for column in contract.columns
        if column.required and column.name not in found and not (column.name == "node" and node)
    }
    key, reason = _key(entity, contract, {column.column: column.field for column in columns})
    since = _since(entity, seen, thesaurus)
    return EntityGuess(entity, contract, sure, _told(others), tuple(columns), missing, key, reason, since)


def _referring(guess: ColumnGuess, field: SampledField) -> ColumnGuess:
    """Ask about a reference: another table's internal number is seldom the one that other systems know."""
    if not field.refers_to:
        return guess
    return replace(guess, remark=f"refers to {field.refers_to}: do other systems know it by that?")


def _told(candidates: Candidates) -> Candidates:
    return tuple((name, sure) for name, sure in candidates[:_SHOWN_CANDIDATES] if sure >= _CANDIDATE)


def _nearest(
    column: Column, entity: SampledEntity, seen: Mapping[str, Seen], words: Words, thesaurus: Thesaurus
) -> Candidates:
    scored = [
        (field.name, round(likeness(column, field, seen[field.name], words, thesaurus), 2)) for field in entity.fields
    ]
    return _told(tuple(sorted(scored, key=lambda item: -item[1])))


def _key(entity: SampledEntity, contract: Contract, found: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    if entity.key:
        return entity.key, "the source's own key"
    by_name = {field.name: field for field in entity.fields}
    wanted = tuple(dict.fromkeys(found[name] for name in contract.key if name in found))
    if wanted and is_unique([by_name[name] for name in wanted]):
        return wanted, "guess: the contract's key, different in every row that was seen"
    if all(name in found for name in contract.key if name != "node"):
        return wanted, "guess: the contract's key, though nothing that was seen proves it"
    fields: list[SampledField] = list(entity.fields[:_KEY_FIELDS_TRIED])
    for size in range(1, _LARGEST_KEY + 1):
        for columns in combinations(fields, size):
            if is_unique(columns):
                return tuple(column.name for column in columns), "guess: different in every row that was seen"
    return wanted or (entity.fields[0].name,), "guess: no row was seen that could prove it"


def _since(entity: SampledEntity, seen: Mapping[str, Seen], thesaurus: Thesaurus) -> Mapping[str, Written]:
    if entity.since or not entity.can_ask_since:
        return entity.since
    for field in entity.fields:
        look = seen[field.name]
        is_time = look.shape is Shape.INSTANT and not look.empty
        if is_time and thesaurus.nearness("changed", "", thesaurus.words_of(field.name)) >= _CHANGED:
            return {"column": field.name}
    return {}
