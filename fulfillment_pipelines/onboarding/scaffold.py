"""Write the first declaration of a system from what was seen of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.onboarding.declaration_text import SystemHead, declaration_text
from fulfillment_pipelines.onboarding.guessing import EntityGuess, Unplaced, guess_role, guess_system
from fulfillment_pipelines.onboarding.samples import SampledSystem
from fulfillment_pipelines.onboarding.synonyms import Thesaurus

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Scaffolded:
    """What was written.

    Attributes:
        path: The declaration file.
        placed: Its entities and what they were taken for.
        unplaced: Lists that were taken for nothing.
        references: What must be set outside the file: name to what it holds.
        remarks: What could not be looked at, in sentences.
        guess_count: How many columns and codes were guessed.
        missing_count: How many required columns were not found.
    """

    path: Path
    placed: tuple[EntityGuess, ...]
    unplaced: tuple[Unplaced, ...]
    references: Mapping[str, str]
    remarks: tuple[str, ...]
    guess_count: int
    missing_count: int


def target_of(name: str, into: Path, snapshots: Path, *, overwrite: bool) -> Path:
    """Return the file that a new declaration is written to.

    Args:
        name: The new system's name.
        into: The folder of the file.
        snapshots: The folder of the snapshot SQL.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        ConfigurationError: The name cannot be a system's, or is another's, or the file is already there.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"'{name}' cannot be the name of a system.",
            expected="lower-case letters, digits and underscores, with a letter first; it becomes part of table names",
            found=name,
            remedy="choose another name, for example wms_south",
        )
    if taken := sorted(file.name for file in snapshots.glob(f"snap_{name}__*.sql")):
        raise ConfigurationError(
            f"The name '{name}' is taken: a system of that name has its snapshot SQL.",
            expected="a name of its own for each system of all distributors, since SQL files are found by it",
            found=", ".join(taken[:3]),
            remedy=f"choose another name, for example {name}_2; or remove the files, if they are of this system",
        )
    path = into / f"{name}.yaml"
    if path.exists() and not overwrite:
        raise ConfigurationError(
            f"{path} is already there.",
            expected="a new file, so that nobody's corrections are lost",
            remedy="choose another name or folder, or give --overwrite",
        )
    return path


def scaffold(
    path: Path, sampled: SampledSystem, thesaurus: Thesaurus, *, name: str, role: str, node: str
) -> Scaffolded:
    """Write the declaration of a system, with every guess marked.

    Args:
        path: The file to write.
        sampled: What was seen of the system.
        thesaurus: The words that other systems use.
        name: Its declared name.
        role: What it is to the distributor; guessed where empty.
        node: The site it speaks for; empty for a system that speaks for all.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    role_sure = 1.0
    if not role:
        role, role_sure = guess_role(sampled.entities, thesaurus, node=node)
    placed, unplaced = guess_system(sampled.entities, thesaurus, role=role, node=node)
    text = declaration_text(SystemHead(name, role, role_sure, node), sampled, placed, unplaced)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written.",
            expected="a folder that may be written to",
            found=error.strerror or type(error).__name__,
            remedy="choose another folder with --into",
        ) from error
    return Scaffolded(
        path=path,
        placed=placed,
        unplaced=unplaced,
        references=sampled.references,
        remarks=sampled.remarks,
        guess_count=sum(len(guess.columns) for guess in placed),
        missing_count=sum(len(guess.missing) for guess in placed),
    )
