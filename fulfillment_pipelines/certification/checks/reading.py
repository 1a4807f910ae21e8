"""Whether every way of reading gives the same rows: again, in other pages, from a cursor."""

from __future__ import annotations

from fulfillment_pipelines.certification.examination import Examination, Pulled
from fulfillment_pipelines.certification.verdicts import Finding, failed, not_applicable, not_run, passed
from fulfillment_pipelines.certification.workbench import Difference
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.systems.declaration import EntityDeclaration, HttpEntity, MemoryEntity, SqlEntity

_LONG_AGO = "1970-01-01T00:00:00Z"


def repeats_itself(examination: Examination, entity: str) -> Finding:
    """Two pulls of an unchanged system are the same rows."""
    before = examination.clean(entity)
    for pair in range(1, examination.policy.unchanged_pulls + 1):
        after = examination.pull_anew(entity)
        difference = examination.workbench.difference(before.rows, after.rows)
        if not difference:
            return passed(f"Two pulls gave the same {after.rows.num_rows} rows.", pairs_of_pulls=pair)
        if after.snapshot.as_of == before.snapshot.as_of:
            return failed(f"Two pulls of the same moment differ: {_told(difference)}.", as_of=after.snapshot.as_of)
        before = after
    return not_run(
        f"The system changed between the pulls of every pair: {_told(difference)}. Certify it in a quiet moment.",
        pairs_of_pulls=examination.policy.unchanged_pulls,
    )


def pages_neither_lose_nor_repeat(examination: Examination, entity: str) -> Finding:
    """Pages of any size give the same rows, also where the last page is full."""
    rows = examination.clean(entity).rows.num_rows
    declared = _declared_page_rows(examination.subject.declaration.entities[entity])
    sizes = page_sizes(rows, declared, examination.policy.most_pages)
    if not sizes:
        return not_run("There is one row only: it has no page boundary.")
    for size in sizes:
        finding = _in_pages_of(size, examination, entity)
        if finding is not None:
            return finding
    shown = " and of ".join(map(str, sizes))
    return passed(f"Pages of {shown} rows give the same rows as those of the declared size.", rows=rows)


def page_sizes(rows: int, declared: int | None, most_pages: int) -> tuple[int, ...]:
    """Return sizes that cut rows into several pages: one that leaves a rest, one that ends with the last row.

    Args:
        rows: How many rows there are.
        declared: Rows on a page as declared, beyond which nothing is asked for; None where that is not declared.
        most_pages: Into how many pages they are cut, where the declared size allows it.
    """
    most = declared or rows
    least = max(1, min(-(-rows // most_pages), most // 2))
    greatest = min(most, rows - 1)
    exact = next((size for size in range(greatest, least - 1, -1) if rows % size == 0), 0)
    with_rest = next((size for size in range(least, greatest + 1) if rows % size), 0)
    return tuple(size for size in dict.fromkeys((with_rest, exact)) if size)


def _in_pages_of(size: int, examination: Examination, entity: str) -> Finding | None:
    """Return what is wrong with pages of a size; None for nothing. A system that has changed is pulled anew once."""
    connection = examination.bench.paged(entity, size)
    if isinstance(connection, Finding):
        return connection
    whole = examination.clean(entity)
    with connection as system:
        for attempt in (1, 2):
            paged = examination.pull(system, entity)
            if not paged.snapshot.complete:
                return failed(f"Pages of {size} rows: {paged.snapshot.problem}", page_rows=size)
            difference = examination.workbench.difference(whole.rows, paged.rows)
            if not difference:
                return None
            if attempt == 1:
                whole = examination.pull_anew(entity)
    pages = len(paged.snapshot.pages)
    return failed(f"Pages of {size} rows give other rows: {_told(difference)}.", page_rows=size, pages=pages)


def goes_on_from_a_cursor(examination: Examination, entity: str) -> Finding:
    """What changed since a cursor comes, the rows at the cursor come again, and nothing is lost."""
    declared = examination.subject.declaration.entities[entity]
    if getattr(declared, "change_log", None) is not None:
        return not_run("A pull since a cursor would move on the slot that the deployment itself reads from.")
    if getattr(declared, "since", None) is None:
        return not_applicable("It is always pulled whole: no cursor is declared.")
    whole = examination.pull_anew(entity)
    cursor = whole.snapshot.cursor
    if cursor is None:
        return failed("It is declared to be read by a cursor, and a complete pull gave none.")
    column = declared.since.column if isinstance(declared, SqlEntity) and declared.since else ""
    finding = (
        _from_the_middle(examination, entity, whole, column) if column else _from_long_ago(examination, entity, whole)
    )
    if finding is not None:
        return finding
    return _from_the_end(examination, entity, whole, cursor)


def _from_the_middle(examination: Examination, entity: str, whole: Pulled, column: str) -> Finding | None:
    values = sorted(value for value in whole.rows.column(column).to_pylist() if value is not None)
    if not values:
        return not_run(f"No row has a value in {column}.")
    middle = values[len(values) // 2]
    since = examination.pull_anew(entity, Scope(since=str(middle)))
    wanted = examination.workbench.rows_from(whole.rows, column, middle)
    difference = examination.workbench.difference(wanted, since.rows)
    if difference:
        return failed(f"From the cursor {middle} on, other rows come than have it: {_told(difference)}.", cursor=middle)
    return None


def _from_long_ago(examination: Examination, entity: str, whole: Pulled) -> Finding | None:
    """What changed since long before everything is everything; a system that has changed is pulled anew once."""
    declared = examination.subject.declaration.entities[entity]
    early = (isinstance(declared, HttpEntity) and declared.since and declared.since.initial) or _LONG_AGO
    for _ in range(2):
        since = examination.pull_anew(entity, Scope(since=early))
        difference = examination.workbench.difference(whole.rows, since.rows)
        if not difference:
            return None
        whole = examination.pull_anew(entity)
    return failed(f"From a cursor of {early} on, not everything comes: {_told(difference)}.", cursor=early)


def _from_the_end(examination: Examination, entity: str, whole: Pulled, cursor: str) -> Finding:
    since = examination.pull_anew(entity, Scope(since=cursor))
    again = examination.pull_anew(entity)
    difference = examination.workbench.difference(since.rows, again.rows)
    evidence = {
        "cursor": cursor,
        "rows in all": whole.rows.num_rows,
        "rows since the cursor": since.rows.num_rows,
        "cursor afterwards": since.snapshot.cursor,
    }
    if since.snapshot.scope.everything:
        return failed("It is declared to be read by a cursor, and answers with everything.", **evidence)
    if difference.lost_rows:
        return failed(f"{difference.lost_rows} rows came since the cursor that the system does not hold.", **evidence)
    if since.snapshot.cursor is None:
        return failed("A pull since a cursor gave no cursor to go on from.", **evidence)
    return passed("A pull goes on from a cursor, and loses no row.", **evidence)


def _told(difference: Difference) -> str:
    return f"{difference.lost_rows} rows are missing and {difference.added_rows} are too many"


def _declared_page_rows(declared: EntityDeclaration) -> int | None:
    match declared:
        case HttpEntity():
            size = getattr(declared.paging, "size", None)
            return int(size) if size is not None else None
        case MemoryEntity():
            return declared.size
        case _:
            return None
