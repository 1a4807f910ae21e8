"""What the lake answers about one scope."""

from __future__ import annotations

from dataclasses import dataclass

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.explanation.questions import Row


@dataclass(frozen=True, slots=True)
class FlowAnswers:
    """Answers of one request.

    Attributes:
        console: Whose lake is asked.
        scope: What is looked at.
    """

    console: Console
    scope: FlowScope

    def of(self, question: str) -> list[Row]:
        """Return the rows of a question about the scope; they may be some seconds old, and are not to be changed.

        Raises:
            BadDataError: The lake does not hold what the question reads.
            RetryableError: The lake is busy.
        """
        scope = self.scope
        key = (question, scope.site, scope.owner, scope.since)
        return self.console.flow.answer(key, lambda: self.console.questions.ask(question, scope.parameters))
