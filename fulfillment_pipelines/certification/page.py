"""Write a certificate down: a page for people, that prints and needs nothing but itself, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from fulfillment_pipelines.certification.verdicts import Area, Certificate, CheckResult, Verdict

_PERCENT = 100
_UNFINISHED = (Verdict.FAILED, Verdict.NOT_RUN)


@dataclass(frozen=True, slots=True)
class Row:
    """One check across the entities: a result for each, or one for the system as a whole.

    Attributes:
        title: The promise.
        whole: The result of a check of the whole system; None where each entity has its own.
        by_entity: Results by entity.
    """

    title: str
    whole: CheckResult | None
    by_entity: Mapping[str, CheckResult]


@dataclass(frozen=True, slots=True)
class Section:
    """The checks of one area."""

    area: Area
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Remark:
    """What did not pass, and which promises it is about: those of which the same was said stand together."""

    verdict: Verdict
    said: str
    about: Sequence[str]


def write_certificate(certificate: Certificate, folder: Path) -> tuple[Path, Path]:
    """Write the page and the JSON of a certificate, and return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    page, data = folder / f"{certificate.system}.html", folder / f"{certificate.system}.json"
    page.write_text(rendered(certificate), encoding="utf-8")
    data.write_text(json.dumps(certificate.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return page, data


def rendered(certificate: Certificate) -> str:
    """Return the page of a certificate."""
    environment = Environment(
        loader=PackageLoader("fulfillment_pipelines.certification"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["mark"] = lambda verdict: _MARKS[verdict]
    return environment.get_template("certificate.html.j2").render(
        certificate=certificate,
        entities=list(dict.fromkeys(result.entity for result in certificate.results if result.entity)),
        sections=_sections(certificate),
        remarks=_remarks(certificate),
        counts={verdict: certificate.count(verdict) for verdict in Verdict},
        Verdict=Verdict,
    )


_MARKS: Mapping[Verdict, str] = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "FAILED",
    Verdict.NOT_RUN: "not run",
    Verdict.NOT_APPLICABLE: "n/a",
}


def _percent(share: float) -> str:
    """Return a share in percent that is rounded towards the gap: all but a few is not all, and a few is not none."""
    percent = share * _PERCENT
    if 0 < percent < 1:
        return "< 1 %"
    return f"{percent:.0f} %" if percent in (0, _PERCENT) or percent < _PERCENT - 1 else "> 99 %"


def _sections(certificate: Certificate) -> list[Section]:
    ordered = sorted(certificate.results, key=lambda result: list(Area).index(result.area))
    return [Section(area, _rows(list(results))) for area, results in groupby(ordered, key=lambda result: result.area)]


def _rows(results: Sequence[CheckResult]) -> list[Row]:
    rows = []
    for _, same in groupby(results, key=lambda result: result.check_id):
        own = list(same)
        by_entity = {result.entity: result for result in own if result.entity}
        rows.append(Row(own[0].title, None if by_entity else own[0], by_entity))
    return rows


def _remarks(certificate: Certificate) -> list[Remark]:
    found: dict[tuple[Verdict, str], dict[str, list[str]]] = {}
    for result in certificate.results:
        if result.verdict in _UNFINISHED:
            titles = found.setdefault((result.verdict, result.said), {})
            titles.setdefault(result.title, []).append(result.entity)
    ordered = sorted(found.items(), key=lambda item: _UNFINISHED.index(item[0][0]))
    return [Remark(verdict, said, [_about(*item) for item in titles.items()]) for (verdict, said), titles in ordered]


def _about(title: str, entities: Sequence[str]) -> str:
    return f"{title} ({', '.join(entities)})" if any(entities) else title
