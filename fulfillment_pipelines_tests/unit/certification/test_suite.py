"""The list of checks, how their words are chosen, and the small rules behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fulfillment_pipelines.certification.checks.reading import page_sizes
from fulfillment_pipelines.certification.checks.timing import percentile_95
from fulfillment_pipelines.certification.example import another, example_corrections, read_example
from fulfillment_pipelines.certification.policy import CertificationPolicy, read_certification_policy
from fulfillment_pipelines.certification.suite import CHECKS
from fulfillment_pipelines.certification.verdicts import Area
from fulfillment_pipelines.domain.correction import Correction, Scalar
from fulfillment_pipelines.errors import ConfigurationError


def test_checks_have_identities_of_their_own_and_stand_by_area() -> None:
    assert len({check.check_id for check in CHECKS}) == len(CHECKS)
    assert list(dict.fromkeys(check.area for check in CHECKS)) == list(Area)


def test_every_check_is_documented_under_its_promise() -> None:
    document = (Path(__file__).parents[3] / "docs" / "certificates" / "README.md").read_text(encoding="utf-8")
    documented = [line.split(" | ")[:2] for line in document.splitlines() if line.startswith("| `")]
    assert documented == [[f"| `{check.check_id}`", check.title] for check in CHECKS]


@pytest.mark.parametrize(
    ("rows", "declared", "sizes"),
    [(9, None, (2, 3)), (335, 500, (68, 67)), (848, 500, (170, 424)), (2, 500, (1,)), (1, 500, ()), (7, 4, (2,))],
)
def test_pages_are_cut_with_a_rest_and_without_and_never_larger_than_declared(
    rows: int, declared: int | None, sizes: tuple[int, ...]
) -> None:
    assert page_sizes(rows, declared, most_pages=5) == sizes


@pytest.mark.parametrize(
    ("value", "other"), [("5", "6"), ("5.50", "6.50"), ("OPEN", "OPEN-other"), (None, "-other"), (3, 4), (True, False)]
)
def test_another_value_is_of_the_same_kind(value: Scalar, other: Scalar) -> None:
    assert another(value) == other


def test_95_of_100_is_the_longest_of_few() -> None:
    assert percentile_95([1.0, 3.0, 2.0]) == 3.0
    assert percentile_95([float(number) for number in range(1, 101)]) == 95.0


def test_policy_is_the_distributors_own_where_it_has_one(tmp_path: Path) -> None:
    assert read_certification_policy(tmp_path) == CertificationPolicy()
    (tmp_path / "certification.yaml").write_text("timed_pulls: 20\n", encoding="utf-8")
    assert read_certification_policy(tmp_path).timed_pulls == 20


def test_wrong_policy_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "certification.yaml").write_text("timed_pulls: 2\nallowed_quarantined_share: 2\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"certification\.yaml:2"):
        read_certification_policy(tmp_path)


def test_example_becomes_corrections_of_which_each_is_approved(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(
        "change: {message: qty.set, payload: {line_id: L1, qty: '7'}, precondition: {qty: '5'}}\n"
        "undo: {message: qty.set, payload: {line_id: L1, qty: '5'}}\n",
        encoding="utf-8",
    )
    approved: list[Correction] = []

    def approve(correction: Correction) -> Correction:
        approved.append(correction)
        return replace(correction, approved_by="Ada")

    sent = example_corrections(read_example(path), "site", "key-9", approve)
    assert [(one.idempotency_key, dict(one.precondition)) for one in approved] == [
        ("key-9", {"qty": "5"}),
        ("key-9-out-of-date", {"qty": "6"}),
        ("key-9-undo", {}),
    ]
    assert [one.approved_by for one in (sent.change, sent.out_of_date, sent.undo) if one] == ["Ada"] * 3


def test_example_without_precondition_and_undoing_is_one_correction(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text("change: {message: qty.set, payload: {line_id: L1}}\n", encoding="utf-8")
    sent = example_corrections(read_example(path), "site", "key-9", lambda one: one)
    assert (sent.change.target, sent.out_of_date, sent.undo) == ("site", None, None)
