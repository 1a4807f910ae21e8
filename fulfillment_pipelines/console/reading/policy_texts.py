"""Policy files and rules as texts: what they say, which versions there were, who changed them when, and how.

What the files mean, as tables, belongs in `policy_values`, `rights_tables` and `rule_catalogue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.text_diff import DiffLine, diff_lines
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.governing.seeds_folder import SeedsFolder
from fulfillment_pipelines.corrections.policies import POLICY_FILES
from fulfillment_pipelines.ledger.change_requests import ChangeRequest, ChangeState, list_changes, text_hash
from fulfillment_pipelines.ledger.policy_editions import PolicyChange, edition_text, policy_changes
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.seed_files import SEED_FILES

_LATEST = 12


@dataclass(frozen=True, slots=True)
class Version:
    """One text that a file has had.

    Attributes:
        change: When it was noticed, and under whom.
        request: The change by which it came; None where it was edited in the folder.
        is_current: Whether it is in force.
    """

    change: PolicyChange
    request: ChangeRequest | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """One policy file among the others.

    Attributes:
        name: Its name.
        title: What it is called.
        last: When it last changed; None where that was never recorded.
        version_count: Texts that it has had.
        open_changes: Changes that wait for a decision.
    """

    name: str
    title: str
    last: PolicyChange | None
    version_count: int
    open_changes: int


@dataclass(frozen=True, slots=True)
class Governance:
    """The first page.

    Attributes:
        version: Of all policies together, as decisions carry it.
        files: All policy files.
        waiting: Changes that wait for a decision.
        latest: What changed last, also rules, the latest first.
        is_writable: Whether the console may write the folder.
        folder: Where it is.
    """

    version: str
    files: tuple[FileRow, ...]
    waiting: tuple[ChangeRequest, ...]
    latest: tuple[PolicyChange, ...]
    is_writable: bool
    folder: str


@dataclass(frozen=True, slots=True)
class TextPage:
    """One file, or one rule.

    Attributes:
        name: The file.
        title: What it is called.
        text: What it says now.
        content_hash: Of that text.
        versions: The latest first.
        is_editable: Whether a change of it can be proposed here.
        in_force_hash: Of the text that this console decides by; another where the file was edited since it started.
    """

    name: str
    title: str
    text: str
    content_hash: str
    versions: tuple[Version, ...]
    is_editable: bool
    in_force_hash: str

    @property
    def is_in_force(self) -> bool:
        """Whether the console decides by what the file says now."""
        return self.content_hash == self.in_force_hash

    @property
    def lines(self) -> Sequence[tuple[int, str]]:
        """Its lines with their numbers."""
        return list(enumerate(self.text.splitlines(), 1))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two texts of one file.

    Attributes:
        before: The earlier; None for nothing before the first.
        after: The later.
        lines: How they differ.
        problem: Why they cannot be compared; empty where they can.
    """

    name: str
    before: str
    after: str
    lines: tuple[DiffLine, ...]
    problem: str = ""


def seeds_of(console: Console) -> SeedsFolder:
    """Return the folder of the policy files."""
    return SeedsFolder(console.platform.distributor.seeds)


def title_of(file_name: str) -> str:
    """Return what a policy file is called, for people."""
    titles = {seed.name: seed.title for seed in SEED_FILES}
    title = titles.get(file_name, file_name)
    return title[0].upper() + title[1:]


def read_governance(console: Console, work: UnitOfWork) -> Governance:
    """Return the first page."""
    changes, requests = policy_changes(work), list_changes(work)
    waiting = tuple(request for request in requests if request.state is ChangeState.OPEN)
    folder = seeds_of(console)
    return Governance(
        version=console.policies.version,
        files=tuple(_file_row(name, changes, waiting) for name in POLICY_FILES),
        waiting=waiting,
        latest=tuple([change for change in reversed(changes) if change.previous_hash][:_LATEST]),
        is_writable=folder.is_writable,
        folder=str(folder.path.name),
    )


def read_text(console: Console, work: UnitOfWork, name: str) -> TextPage:
    """Return a policy file, or a rule by the name of its file.

    Raises:
        NotThereError: Neither has that name.
        ConfigurationError: The file cannot be read.
    """
    rules = {rule.model.path.name: rule for rule in console.platform.reconciler.rules}
    if name in POLICY_FILES:
        text, title, in_force = seeds_of(console).text(name), title_of(name), console.policies.texts[name]
    elif name in rules:
        text = in_force = rules[name].model.body
        title = rules[name].title
    else:
        raise NotThereError(
            f"There is no policy file or rule '{name}'.",
            expected=f"one of {', '.join(POLICY_FILES)}, or the file of a rule",
            found=name,
            remedy="choose one on the page /governance",
        )
    content_hash = text_hash(text)
    return TextPage(
        name=name,
        title=title,
        text=text,
        content_hash=content_hash,
        versions=_versions(work, name, content_hash),
        is_editable=name in POLICY_FILES,
        in_force_hash=text_hash(in_force),
    )


def compare(work: UnitOfWork, page: TextPage, before: str, after: str) -> Comparison:
    """Return what two texts of a file say differently.

    Args:
        work: A transaction.
        page: The file.
        before: Hash of the earlier text; empty for none.
        after: Hash of the later.
    """
    old, new = (_text_of(work, page, content_hash) for content_hash in (before, after))
    if old is None or new is None:
        problem = "One of these texts was not kept: it was in force before versions were recorded."
        return Comparison(page.name, before, after, (), problem)
    return Comparison(page.name, before, after, diff_lines(old, new))


def _text_of(work: UnitOfWork, page: TextPage, content_hash: str) -> str | None:
    if not content_hash:
        return ""
    return page.text if content_hash == page.content_hash else edition_text(work, page.name, content_hash)


def _versions(work: UnitOfWork, name: str, current_hash: str) -> tuple[Version, ...]:
    changes = list(reversed(policy_changes(work, name)))
    approved = [one for one in list_changes(work, file_name=name) if one.state is ChangeState.APPROVED]
    by_hash = {one.content_hash: one for one in approved}
    newest = next((index for index, one in enumerate(changes) if one.content_hash == current_hash), None)
    return tuple(
        Version(change, by_hash.get(change.content_hash), index == newest) for index, change in enumerate(changes)
    )


def _file_row(name: str, changes: Sequence[PolicyChange], waiting: Sequence[ChangeRequest]) -> FileRow:
    own = [change for change in changes if change.file_name == name]
    return FileRow(
        name=name,
        title=title_of(name),
        last=own[-1] if own else None,
        version_count=len({change.content_hash for change in own}),
        open_changes=sum(request.file_name == name for request in waiting),
    )
