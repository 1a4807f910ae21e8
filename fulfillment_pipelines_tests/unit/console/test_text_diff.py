"""What two texts say differently, line by line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fulfillment_pipelines.console.reading.text_diff import LineKind, diff_lines

LINES = st.lists(st.sampled_from(["a", "b", "  c", ""]), max_size=30)


def test_a_line_that_changed_is_shown_as_it_was_and_as_it_is() -> None:
    lines = diff_lines("a\nb\nc\n", "a\nB\nc\n")
    shown = [(line.kind, line.before_no, line.after_no, line.text) for line in lines]
    assert shown == [
        (LineKind.SAME, 1, 1, "a"),
        (LineKind.REMOVED, 2, None, "b"),
        (LineKind.ADDED, None, 2, "B"),
        (LineKind.SAME, 3, 3, "c"),
    ]


def test_far_from_each_other_differences_have_a_gap_between_them() -> None:
    before = [str(number) for number in range(30)]
    after = ["x", *before[1:29], "y"]
    kinds = [line.kind for line in diff_lines("\n".join(before), "\n".join(after))]
    assert kinds.count(LineKind.GAP) == 1


@given(before=LINES, after=LINES)
def test_every_line_that_is_shown_stands_where_its_number_says(before: list[str], after: list[str]) -> None:
    for line in diff_lines("\n".join(before), "\n".join(after)):
        if line.before_no is not None:
            assert "\n".join(before).splitlines()[line.before_no - 1] == line.text
        if line.after_no is not None:
            assert "\n".join(after).splitlines()[line.after_no - 1] == line.text
