"""The bench of systems that exchange files: a folder of this machine that holds a copy of what was received."""

from __future__ import annotations

import io
import re
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from fulfillment_pipelines.canonical.feeds import layout_of
from fulfillment_pipelines.certification.benches.bench import Bent, Fault
from fulfillment_pipelines.certification.benches.http_proxy import unused_port
from fulfillment_pipelines.certification.benches.redirected import ADDRESS, RedirectedReferences
from fulfillment_pipelines.certification.page_changes import can_be_changed, with_added_field, without_field
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.verdicts import Finding, not_applicable, not_run
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, PageLayout, Scope
from fulfillment_pipelines.systems.declaration import EdiEntity, FileEntity, FilesDeclaration
from fulfillment_pipelines.systems.port import System

_WILDCARD = re.compile(r"[*?\[\]{}]+")
_NOT_REWRITTEN = frozenset({PageFormat.EXCEL, PageFormat.XML})


class FilesBench:
    """Reaches a system behind a folder.

    Args:
        subject: The system.
        declaration: What it is declared to be.
        policy: Sizes and limits.
    """

    def __init__(self, subject: Subject, declaration: FilesDeclaration, policy: CertificationPolicy) -> None:
        self._subject = subject
        self._declared = declaration
        self._policy = policy

    def plain(self) -> AbstractContextManager[System]:
        """Connect the folder as it is declared."""
        return closing(self._subject.connect(self._declared, self._subject.references))

    def paged(self, entity: str, rows: int) -> AbstractContextManager[System] | Finding:
        """Say that a file has no pages."""
        del entity, rows
        return not_applicable("A file comes whole: it has no pages.")

    def bent(self, fault: Fault, entity: str, *, field: str = "") -> AbstractContextManager[Bent] | Finding:
        """Connect a folder that is not there or does not answer, or one that holds changed copies."""
        layout = layout_of(self._declared.entities[entity])
        why_not = self._objection(fault, layout)
        if why_not is not None:
            return why_not
        match fault:
            case Fault.REFUSED:
                return self._refused() if self._is_remote else self._absent()
            case Fault.STALLED:
                return self._silent_server()
            case Fault.CUT:
                return self._changed(entity, lambda content: content[: len(content) // 2])
            case Fault.FIELD_GONE:
                return self._changed(entity, lambda content: without_field(content, layout, field))
            case _:
                return self._changed(entity, lambda content: with_added_field(content, layout))

    def _objection(self, fault: Fault, layout: PageLayout) -> Finding | None:
        """Return why a folder cannot meet a fault; None where it can."""
        if fault in (Fault.FIELD_GONE, Fault.FIELD_ADDED) and not can_be_changed(layout):
            if layout.format in _NOT_REWRITTEN:
                return not_run(f"A file of the format {layout.format.value} is not rewritten for a test.")
            return not_applicable(f"A file of the format {layout.format.value} does not name its fields.")
        if fault is Fault.STALLED and not self._is_remote:
            return not_applicable("The folder is one of this machine: nobody has to answer.")
        if fault is Fault.EXPIRED and self._is_remote:
            return not_run("A wrong login is not tried: it may lock the account.")
        if fault in (Fault.RATE_LIMITED, Fault.EXPIRED, Fault.EXPIRED_ONCE):
            return not_applicable("Files are picked up: there are no requests that could be answered so.")
        return None

    @property
    def _is_remote(self) -> bool:
        return self._declared.transport.sftp is not None or self._declared.transport.s3 is not None

    def silent(self, correction: Correction) -> AbstractContextManager[Bent] | Finding:
        """Say that a dropped file is not answered."""
        del correction
        return not_applicable("A file that is dropped is not answered: there is no answer to lose.")

    @contextmanager
    def _absent(self) -> Iterator[Bent]:
        with TemporaryDirectory() as folder, closing(self._local(Path(folder) / "absent")) as system:
            yield Bent(system, lambda: 1)

    @contextmanager
    def _refused(self) -> Iterator[Bent]:
        with closing(self._elsewhere(unused_port())) as system:
            yield Bent(system, lambda: 1)

    @contextmanager
    def _silent_server(self) -> Iterator[Bent]:
        """A server that lets everybody connect and says nothing."""
        limit = min(self._declared.transport.timeout_seconds, self._policy.time_limit_seconds)
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,
            closing(self._elsewhere(silent.getsockname()[1], limit)) as system,
        ):
            yield Bent(system, lambda: 1, limit)

    @contextmanager
    def _changed(self, entity: str, change: Callable[[bytes], bytes]) -> Iterator[Bent]:
        with self.plain() as system:
            pages = system.source(entity).pull(Scope()).pages
        struck = 0
        with TemporaryDirectory() as folder:
            for name, content in _files(pages, self._declared.entities[entity].path).items():
                changed = change(content)
                struck += changed != content
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(changed)
            with closing(self._local(Path(folder))) as system:
                yield Bent(system, lambda: struck)

    def _local(self, folder: Path) -> System:
        """Connect a folder of this machine, in which every file is finished when it has its name."""
        here = {"directory": ADDRESS, "sftp": None, "s3": None}
        declaration = self._declared.model_copy(
            update={
                "transport": self._declared.transport.model_copy(update=here),
                "entities": {name: _at_once(declared) for name, declared in self._declared.entities.items()},
            }
        )
        return self._subject.connect(declaration, RedirectedReferences(self._subject.references, str(folder)))

    def _elsewhere(self, port: int, time_limit_seconds: float | None = None) -> System:
        """Connect a port of this machine in the remote server's place."""
        transport = self._declared.transport
        limit = transport.timeout_seconds if time_limit_seconds is None else time_limit_seconds
        address = urlsplit(
            self._subject.references.resolve(transport.directory, system=self._subject.name).get_secret_value()
        )
        if transport.s3 is not None:
            there = {"s3": transport.s3.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"})}
        else:
            user, at, _ = address.netloc.rpartition("@")
            address = address._replace(netloc=f"{user}{at}127.0.0.1:{port}")
            there = {}
        moved = transport.model_copy(update={"directory": ADDRESS, "timeout_seconds": limit, **there})
        declaration = self._declared.model_copy(update={"transport": moved})
        return self._subject.connect(declaration, RedirectedReferences(self._subject.references, address.geturl()))


def _at_once(declared: FileEntity | EdiEntity) -> FileEntity | EdiEntity:
    if isinstance(declared, EdiEntity):
        return declared
    return declared.model_copy(update={"complete_when": "", "settle_seconds": 0})


def _files(pages: Sequence[Page], pattern: str) -> Mapping[str, bytes]:
    """Return the received files by a path that the declared pattern finds; wildcards of folders become a letter."""
    files: dict[str, bytes] = {}
    folder = _WILDCARD.sub("x", str(PurePosixPath(pattern).parent))
    for page in pages:
        if page.format in (PageFormat.X12, PageFormat.EDIFACT):
            with zipfile.ZipFile(io.BytesIO(page.content)) as archive:
                files.update({name: archive.read(name) for name in archive.namelist()})
        else:
            files[f"{folder}/{page.name}"] = page.content
    return files
