"""Tries a policy file with another text: whether everything that reads policies could still start with it.

It is read from a copy of the seeds folder by the same shapes that read the folder itself, so that what is refused here
would have stopped the platform, and nothing else is.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fulfillment_pipelines.corrections.governing.deciding import require_somebody_to_decide
from fulfillment_pipelines.corrections.policies import read_policies
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.exceptions.intake import read_case_policy
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.loop.policy_fit import require_policies_fit
from fulfillment_pipelines.loop.seed_files import SEED_FILES
from fulfillment_pipelines.reconcile.matching import read_matching_policy
from fulfillment_pipelines.reconcile.timing import read_timing_policy
from fulfillment_pipelines.reconcile.tolerances import read_tolerances


@dataclass(frozen=True, slots=True)
class PolicyTrial:
    """Tries texts against a platform; it is a `corrections.governing.changing.Trial`."""

    platform: Platform

    def __call__(self, file_name: str, text: str) -> None:
        """Return where a file may have a text.

        Raises:
            BadDataError: It may not; says what, and where it can be told, on which line.
        """
        with tempfile.TemporaryDirectory(prefix="policy-trial-") as name:
            folder = Path(name)
            try:
                self._try(folder, file_name, text)
            except ConfigurationError as error:
                raise _named_plainly(error, folder) from error

    def _try(self, folder: Path, file_name: str, text: str) -> None:
        seeds = self.platform.distributor.seeds
        for path in seeds.iterdir():
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
        (folder / file_name).write_text(text, encoding="utf-8", newline="")
        for seed in SEED_FILES:
            if seed.name == file_name:
                seed.check(folder)
        policies = read_policies(folder)
        read_case_policy(folder)
        read_matching_policy(folder / "matching.yaml")
        read_timing_policy(folder / "timing.yaml")
        tolerances = read_tolerances(folder / "tolerances.yaml")
        for rule in self.platform.reconciler.rules:
            tolerances.values(rule.tolerances)
        platform = self.platform
        sql = platform.settings.project_root / "sql"
        require_policies_fit(policies, platform.distributor, platform.registry.declarations.values(), sql)
        require_somebody_to_decide(policies)


def _named_plainly(error: ConfigurationError, folder: Path) -> BadDataError:
    """Return the error as one of a text that was received, with the file's name alone and not where its copy lay."""

    def plain(words: str) -> str:
        return words.replace(f"{folder}/", "")

    return BadDataError(
        plain(error.what), expected=plain(error.expected), found=plain(error.found), remedy="correct the text"
    )
