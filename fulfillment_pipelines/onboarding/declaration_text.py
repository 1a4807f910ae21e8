"""Write a declaration as YAML with its guesses marked: the text that a person corrects and then owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from fulfillment_pipelines.onboarding.columns import ColumnGuess
from fulfillment_pipelines.onboarding.guessing import Candidates, EntityGuess, Unplaced
from fulfillment_pipelines.onboarding.samples import SampledSystem, Written

_WIDTH: Final = 110
_UNBOUNDED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class SystemHead:
    """What a declaration says of the system as a whole.

    Attributes:
        name: Its declared name.
        role: What it is to the distributor.
        role_sure: How sure the role is; 1 where a person named it.
        node: The site it speaks for; empty for a system that speaks for all.
    """

    name: str
    role: str
    role_sure: float
    node: str


def declaration_text(
    head: SystemHead, sampled: SampledSystem, placed: Sequence[EntityGuess], unplaced: Sequence[Unplaced]
) -> str:
    """Return the text of a declaration file.

    Args:
        head: What it says of the system as a whole.
        sampled: What was seen of the system.
        placed: Its lists, and what they are taken for.
        unplaced: Lists that are taken for nothing; they stand in comments.
    """
    lines = [
        f"# Written by `fulfillment systems new {head.name}` from what the system shows of itself. What was guessed is",
        "# marked with how sure it is, from 0 to 1: correct it, then remove the mark. What was not found is a comment.",
        f"system: {head.name}",
        f"title: {_scalar(head.name.replace('_', ' ').capitalize())}",
        f"role: {head.role}{_mark(head.role_sure) if head.role_sure < 1 else ''}",
        *([f"node: {_scalar(head.node)}"] if head.node else []),
        'contract_version: "1"',
        "freshness_seconds: 3600  # older than this, nothing is concluded from it: agree it with the system's owner",
        "transport:",
        *(f"  {name}: {_flow(value)}" for name, value in sampled.transport.items()),
        "entities:" if placed else "entities: {}",
    ]
    for guess in placed:
        lines += _entity(guess, head)
    lines += [*(f"# {remark}" for remark in sampled.remarks), *_left_out(unplaced)]
    # What stands in comments is the source's own words: no line of theirs may become a line of the declaration.
    return "".join("".join(letter if letter.isprintable() else " " for letter in line) + "\n" for line in lines)


def _entity(guess: EntityGuess, head: SystemHead) -> Iterator[str]:
    others = f"; else {_candidates(guess.others)}" if guess.others else ""
    yield f"  {entity_name(guess)}:"
    yield f"    contract: {guess.contract.name}{_mark(guess.sure)}{others}"
    for name, value in guess.entity.address.items():
        yield from _listed(name, value) if isinstance(value, tuple | Mapping) else [f"    {name}: {_flow(value)}"]
    if "elements" not in guess.entity.address:
        yield from _listed("fields", guess.fields)
    if guess.unused:
        yield from _comment("    # not read: ", guess.unused, "    #   ")
    yield f"    key: {_flow(guess.key)}  # {guess.key_reason}"
    if guess.since:
        among = " (with it among the fields)" if "column" in guess.since else ""
        yield f"    # since: {_flow(guess.since)}  # would read only what changed, and miss what was deleted{among}"
    yield "    mapping:"
    columns = {column.column: column for column in guess.columns}
    for column in guess.contract.columns:
        if column.name in columns:
            yield from _column(columns[column.name], column.codes)
        elif column.name == "node" and head.node:
            yield f"      node: {{literal: {_scalar(head.node)}}}"
        elif column.name in guess.missing:
            codes = f" One of {', '.join(column.codes)}." if column.codes else ""
            hint = _hint(guess.missing[column.name])
            yield f"      # {column.name}: required and not found: {column.about}{codes}{hint}"


def entity_name(guess: EntityGuess) -> str:
    """Return the name of the declared entity: what its rows are, as the contracts call it."""
    return guess.contract.name


def _column(guess: ColumnGuess, codes: Sequence[str]) -> Iterator[str]:
    if guess.unknown_codes:
        values = ", ".join(_scalar(value) for value in guess.unknown_codes)
        yield f"      # {guess.column}: no code was found for {values}: one of {', '.join(codes)}"
    remark = f"; {guess.remark}" if guess.remark else ""
    yield f"      {guess.column}: {_flow(guess.mapped)}{_mark(guess.sure)}{remark}"


def _left_out(unplaced: Sequence[Unplaced]) -> Iterator[str]:
    for left in unplaced:
        if left.is_near:
            yield f"# left out: {left.entity.name}: {left.reason}; nearest: {_candidates(left.candidates)}"
    if others := [left.entity.name for left in unplaced if not left.is_near]:
        yield from _comment("# left out, since nothing of the kind is known: ", others, "#   ")


def _hint(candidates: Candidates) -> str:
    return f" Nearest: {_candidates(candidates)}" if candidates else " Nothing comes near it"


def _candidates(candidates: Candidates) -> str:
    return ", ".join(f"{name} ({sure:.2f})" for name, sure in candidates)


def _mark(sure: float) -> str:
    return f"  # guess ({sure:.2f})"


def _listed(name: str, value: Written) -> Iterator[str]:
    """A list or a mapping on one line where there is room, else on the lines below its name."""
    flow = _flow(value)
    if len(flow) + len(name) < _WIDTH:
        yield f"    {name}: {flow}"
        return
    yield f"    {name}:"
    for line in _dumped(value, _WIDTH).split("\n"):
        yield f"      {line}"


def _comment(start: str, names: Sequence[str], indent: str) -> Iterator[str]:
    line = start
    for position, name in enumerate(names):
        word = name if position == len(names) - 1 else f"{name}, "
        if len(line) + len(word) > _WIDTH:
            yield line.rstrip()
            line = indent
        line += word
    yield line


def _flow(value: Written) -> str:
    return _dumped(value, _UNBOUNDED)


def _dumped(value: Written, width: int) -> str:
    """YAML in flow style; in double quotes, where a text has letters that would not survive without."""
    plain = _plain(value)
    style = None if all(text.isprintable() for text in _texts(plain)) else '"'
    dumped: str = yaml.safe_dump(
        plain, default_flow_style=True, default_style=style, sort_keys=False, width=width, allow_unicode=style is None
    )
    return dumped.removesuffix("\n").removesuffix("\n...")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _scalar(value: str) -> str:
    return _flow(value)


def _plain(value: Written) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
