"""All questions of one page, asked of one moment of the lake: no page mixes what two runs have said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.explanation.questions import Questions


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of one moment.

    Attributes:
        questions: The console's own.
        explanations: Those of `fulfillment explain`.
    """

    questions: Questions
    explanations: Questions


@contextmanager
def asking(console: Console) -> Iterator[Asking]:
    """Lend all questions, bound to the lake as it is now.

    Raises:
        RetryableError: The lake is busy, or is not there.
    """
    with console.platform.warehouse.reading_one_moment() as connection:
        yield Asking(console.questions.through(connection), console.explanations.through(connection))
