"""Whether a change of the system's interface is told by name, instead of being taken in silence."""

from __future__ import annotations

from dataclasses import replace

import sqlglot
from sqlglot import exp

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.vocabulary import ColumnType
from fulfillment_pipelines.certification.benches.bench import Fault
from fulfillment_pipelines.certification.examination import Examination, Pulled
from fulfillment_pipelines.certification.page_changes import (
    ADDED_FIELD,
    can_be_changed,
    rewritten,
    with_wrong_types,
)
from fulfillment_pipelines.certification.verdicts import Finding, failed, not_applicable, not_run, passed
from fulfillment_pipelines.domain.snapshot import Page, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, FulfillmentError
from fulfillment_pipelines.snapshots.drift import DriftKind, differences
from fulfillment_pipelines.snapshots.shapes import shape_of
from fulfillment_pipelines.systems.declaration import EntityDeclaration, SqlEntity

_ABSENT_COLUMN = "certification_absent"
_NEVER_STRUCK = "The fault never struck: the system was not reached by way of the test."


def tells_a_field_that_is_gone(examination: Examination, entity: str) -> Finding:
    """A pull from a system that has lost a declared field is refused, and the field is named."""
    declared = examination.subject.declaration.entities[entity]
    if not declared.required_fields:
        return not_applicable("Every field is optional: any of them may be gone.")
    field = _ABSENT_COLUMN if isinstance(declared, SqlEntity) else _least_needed(declared)
    connection = examination.bent(Fault.FIELD_GONE, entity, field=field)
    if isinstance(connection, Finding):
        return connection
    with connection as bent:
        try:
            examination.pull(bent.system, entity)
        except FulfillmentError as error:
            return _told_of_the_gone(field, error) if bent.struck() else not_run(_NEVER_STRUCK, told=error.what)
        if not bent.struck():
            return not_run(f"The field {field} could not be taken out of the answer.")
    return failed(f"The field {field} was gone, and the rows were taken without a word.")


def _least_needed(declared: EntityDeclaration) -> str:
    """Return the last required field, of the key only where all of them are."""
    required = declared.required_fields
    return next((name for name in reversed(required) if name not in declared.key), required[-1])


def _told_of_the_gone(field: str, error: FulfillmentError) -> Finding:
    if not isinstance(error, BadDataError):
        return failed(f"The field {field} was gone, and something else was told.", told=error.what)
    if field not in error.what:
        return failed(f"The field {field} was gone, and the error does not name it.", told=error.what)
    return passed(f"Without the field {field}, nothing is taken: it is told by name.", told=error.what)


def tells_a_field_more(examination: Examination, entity: str) -> Finding:
    """A field that the system adds is told by name, and changes no row that is taken."""
    declared = examination.subject.declaration.entities[entity]
    spare = [name for name in declared.fields if name not in declared.key]
    if isinstance(declared, SqlEntity) and not spare:
        return not_applicable("Every declared column is of the key: none can be left out to stand for a new one.")
    field = spare[-1] if isinstance(declared, SqlEntity) else ADDED_FIELD
    connection = examination.bent(Fault.FIELD_ADDED, entity, field=field)
    if isinstance(connection, Finding):
        return connection
    with connection as bent:
        if isinstance(declared, SqlEntity):
            return _told_of_a_column(field, bent.system.source(entity).pull(Scope()))
        pulled = examination.pull(bent.system, entity)
        return _told_of_a_field(examination, pulled, field) if bent.struck() else not_run("No field could be added.")


def _told_of_a_field(examination: Examination, pulled: Pulled, field: str) -> Finding:
    entity = pulled.snapshot.entity
    alike = _written_alike(examination.clean(entity).snapshot, examination.subject.feeds[entity])
    before = examination.workbench.decode(alike)
    told = [one.field for one in differences(shape_of(before), shape_of(pulled.decoded)) if one.kind is DriftKind.ADDED]
    difference = examination.workbench.difference(before.records, pulled.rows)
    if difference:
        return failed(
            "With a field more, other rows came.", missing=difference.lost_rows, too_many=difference.added_rows
        )
    if field not in told:
        return failed("The field that was added is told to nobody.", added=field)
    return passed("A field more is told by name, and changes no row.", added=field)


def _told_of_a_column(field: str, snapshot: Snapshot) -> Finding:
    how = "the column was left out of the declaration, so that to us it is new"
    if field in snapshot.other_fields:
        return passed(f"A column more is told by name: {field}.", how=how)
    return failed("A column that the declaration does not name is told to nobody.", column=field, how=how)


def _written_alike(snapshot: Snapshot, feed: CanonicalFeed) -> Snapshot:
    """Return the snapshot written as a changed page is, so that only the change itself makes a difference."""
    pages = [Page(page.name, rewritten(page.content, feed.layout), page.format) for page in snapshot.pages]
    return replace(snapshot, pages=tuple(pages))


def tells_a_field_of_another_type(examination: Examination, entity: str) -> Finding:
    """Values of another type are quarantined, and the column is named; none of them becomes a missing value."""
    feed = examination.subject.feeds[entity]
    if not can_be_changed(feed.layout):
        return not_applicable(f"A page of the format {feed.layout.format.value} is not rewritten for a test.")
    columns = _typed_columns(feed)
    if not columns:
        return not_applicable("No field goes alone into a column that is more than text.")
    snapshot, fields = examination.clean(entity).snapshot, tuple(dict.fromkeys(columns.values()))
    pages = [
        Page(page.name, with_wrong_types(page.content, feed.layout, fields), page.format) for page in snapshot.pages
    ]
    checked = examination.workbench.check(replace(snapshot, pages=tuple(pages)))
    told = {name.partition(":")[0] for name in checked.failures}
    silent = [f"{field} ({column})" for column, field in columns.items() if column not in told]
    evidence = {"fields": ", ".join(fields), "told": ", ".join(checked.failures) or "nothing", "rows": checked.rows}
    if silent:
        return failed(f"{', '.join(silent)} held other values, and that was told to nobody.", **evidence)
    if checked.failing_rows < checked.rows:
        taken = checked.rows - checked.failing_rows
        return failed(f"Numbers and instants were something else, and {taken} rows were taken.", **evidence)
    return passed("Where a number or an instant is something else, the rows are quarantined by name.", **evidence)


def _typed_columns(feed: CanonicalFeed) -> dict[str, str]:
    """Return the columns that are numbers or instants into which one field goes alone, each with that field."""
    tree = sqlglot.parse_one(feed.mapping.body, read="duckdb")
    typed = {column.name for column in feed.contract.columns if column.type is not ColumnType.TEXT}
    found: dict[str, str] = {}
    for projection in tree.selects if isinstance(tree, exp.Select) else ():
        read = {column.name for column in projection.find_all(exp.Column)} & set(feed.layout.fields)
        if len(read) == 1 and projection.alias_or_name in typed:
            found[projection.alias_or_name] = read.pop()
    return found
