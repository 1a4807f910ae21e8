"""The folder of the policy files, as it is changed by people who govern: read, compared, and replaced in one move.

Who may change what belongs in `changing` and `deciding`.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fulfillment_pipelines.corrections.policies import POLICY_FILES
from fulfillment_pipelines.errors import BadDataError, RejectedError, RetryableError
from fulfillment_pipelines.ledger.change_requests import text_hash
from fulfillment_pipelines.systems.yaml_file import text_of


@dataclass(frozen=True, slots=True)
class SeedsFolder:
    """The seeds folder of a distributor."""

    path: Path

    @property
    def is_writable(self) -> bool:
        """Whether files in it can be replaced by this process."""
        return os.access(self.path, os.W_OK)

    def text(self, file_name: str) -> str:
        """Return what a policy file says now.

        Raises:
            BadDataError: It is no policy file.
            ConfigurationError: It cannot be read.
        """
        _require_policy_file(file_name)
        return text_of(self.path / file_name, what="policy file")

    def require_base(self, file_name: str, base_hash: str) -> None:
        """Do nothing where a file still says what a change was made from.

        Raises:
            RejectedError: It was changed since.
        """
        found = text_hash(self.text(file_name))
        if found != base_hash:
            raise RejectedError(
                f"{file_name} was changed since this change was proposed.",
                expected=f"the text with the hash {base_hash[:12]}, from which it was made",
                found=found[:12],
                remedy="reject or withdraw it, and propose it anew from what the file says now",
            )

    def replace(self, file_name: str, text: str) -> None:
        """Let a file say something else, in one move: nobody reads half of it.

        Raises:
            RetryableError: The folder cannot be written; says what to do.
        """
        _require_policy_file(file_name)
        try:
            _replace(self.path / file_name, text)
        except OSError as error:
            raise RetryableError(
                f"{file_name} cannot be written.",
                expected=f"a seeds folder that the console may write: {self.path}",
                found=str(error),
                remedy="let the user that runs the console write there, or where the folder comes from a version "
                "control, commit the text there and deploy it; the change stays open until then",
            ) from error


def _require_policy_file(file_name: str) -> None:
    if file_name not in POLICY_FILES:
        raise BadDataError(
            f"'{file_name}' is no policy file.",
            expected=f"one of {', '.join(POLICY_FILES)}",
            found=file_name,
            remedy="choose one of them",
        )


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123 - a handle has no path
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(part).chmod(mode)
        Path(part).replace(path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
