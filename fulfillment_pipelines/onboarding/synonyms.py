"""The words that other systems use, read from `synonyms.yaml`, and how near two names are to each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter
from rapidfuzz import fuzz

from fulfillment_pipelines.systems.yaml_file import read_yaml

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_WORD: Final = re.compile(r"[a-z]+|[0-9]+")
_SHORTEST_PART: Final = 3
_LONGEST_ABBREVIATION: Final = 4
_PART_OF_NAME: Final = 0.75
_NAME_IS_PART: Final = 0.65
_MOST_OF_NAME: Final = 0.66
# Words that are a part of so many names that alone they mean none of them.
_SAY_LITTLE: Final = frozenset({"number", "date", "quantity", "status", "type", "name", "amount", "code"})

Words = tuple[str, ...]
"""A name as words of ours, for example (order, number) for AuftragsNr."""


class Synonyms(BaseModel):
    """The words that other systems use.

    Attributes:
        words: A word of ours to what stands for it.
        contracts: A contract to what lists of its facts are called.
        columns: A column to what it is called.
        codes: A code of ours to what is written for it.
        changed: Names of columns that tell when a row last changed.
        roles: A role to the contracts that its systems usually speak of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: Mapping[str, tuple[str, ...]]
    contracts: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, tuple[str, ...]]
    changed: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]


class Thesaurus:
    """Compares names by the words behind them.

    Args:
        synonyms: The words.
    """

    def __init__(self, synonyms: Synonyms) -> None:
        self._ours = {word: ours for ours, theirs in synonyms.words.items() for word in (ours, *theirs)}
        # Databases of hundreds of tables have the same few names in all of them.
        self._taken_apart: dict[str, Words] = {}
        self._answers: dict[tuple[str, str, Words, bool], float] = {}
        self._phrases: dict[tuple[str, str], tuple[Words, ...]] = {}
        for kind, table in (
            ("contract", synonyms.contracts),
            ("column", synonyms.columns),
            ("code", synonyms.codes),
            ("changed", {"": synonyms.changed}),
        ):
            for name, phrases in table.items():
                self._phrases[kind, name] = tuple(dict.fromkeys(self.words_of(text) for text in (name, *phrases)))
        self.roles = synonyms.roles

    def words_of(self, name: str) -> Words:
        """Return a name as words of ours: split at its humps and signs, without accents, compounds taken apart."""
        if name not in self._taken_apart:
            self._taken_apart[name] = self._words_of(name)
        return self._taken_apart[name]

    def _words_of(self, name: str) -> Words:
        if len(name) <= _LONGEST_ABBREVIATION and name.casefold() in self._ours:  # the humps of UoM part no words
            return (self._ours[name.casefold()],)
        spaced = _CAMEL.sub(" ", name)
        folded = unicodedata.normalize("NFKD", spaced.casefold().translate(_GERMAN))
        plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
        return tuple(part for word in _WORD.findall(plain) for part in self._parts(word))

    def nearness(self, kind: str, name: str, words: Words, *, whole: bool = False) -> float:
        """Return how near words are to what a contract, a column or a code is called, from 0 to 1.

        Args:
            kind: `contract`, `column`, `code` or `changed`.
            name: Of the contract, the column or the code; empty for `changed`.
            words: What the source calls it.
            whole: Whether a name that is only a part of the other counts no more than its letters do.
        """
        asked = (kind, name, words, whole)
        if asked not in self._answers:
            phrases = self._phrases.get((kind, name)) or (self.words_of(name),)
            self._answers[asked] = max((_alike(words, phrase, whole=whole) for phrase in phrases), default=0.0)
        return self._answers[asked]

    def _parts(self, word: str) -> Iterable[str]:
        for known in (word, word.removesuffix("s")):
            if known in self._ours:
                return (self._ours[known],)
        return self._compound(word) or (word,)

    def _compound(self, word: str) -> Words | None:
        """Take a compound apart, the longest known beginning first; an s may join its parts."""
        for end in range(len(word) - 1, _SHORTEST_PART - 1, -1):
            known = self._ours.get(word[:end])
            if known is None:
                continue
            for rest in (word[end:], word[end:].removeprefix("s").removeprefix("_")):
                if rest in self._ours:
                    return (known, self._ours[rest])
                if len(rest) > _SHORTEST_PART and (others := self._compound(rest)):
                    return (known, *others)
        return None


def _alike(words: Words, phrase: Words, *, whole: bool) -> float:
    mine, theirs = set(words), set(phrase)
    shared = mine & theirs
    if mine == theirs or (whole and not shared):
        return 1.0 if shared else 0.0
    likeness = fuzz.token_sort_ratio(" ".join(words), " ".join(phrase)) / 100
    if not shared:
        return likeness / 2
    if theirs < mine and (not whole or len(theirs) / len(mine) >= _MOST_OF_NAME):
        return max(likeness, _PART_OF_NAME)
    if mine < theirs and not whole and not mine <= _SAY_LITTLE:
        return max(likeness, _NAME_IS_PART)
    return likeness * len(shared) / max(len(mine), len(theirs))


@cache
def shipped_thesaurus() -> Thesaurus:
    """Return the words that are shipped with the product.

    Raises:
        ConfigurationError: The file was edited and does not fit; names the line.
    """
    path = Path(str(files("fulfillment_pipelines.onboarding") / "synonyms.yaml"))
    return Thesaurus(read_yaml(path, TypeAdapter(Synonyms), what="synonyms file"))
