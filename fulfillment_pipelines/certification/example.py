"""The example correction a system may be written to with: one change, and the change that takes it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fulfillment_pipelines.domain.correction import Correction, CorrectionClass, Scalar
from fulfillment_pipelines.systems.yaml_file import read_yaml

Approve: TypeAlias = Callable[[Correction], Correction]
"""Records that somebody approves exactly this content, and returns it with the approval."""


class ExampleMessage(BaseModel):
    """One message to the system.

    Attributes:
        message: What it asks for; declared in the system's YAML.
        payload: Its content, under canonical field names. Decimals and instants are text.
        precondition: Values the system must still hold.
        correction_class: Under which class the decision rights let it go there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: str
    payload: Mapping[str, Scalar] = Field(min_length=1)
    precondition: Mapping[str, Scalar] = Field(default_factory=dict)
    correction_class: CorrectionClass = CorrectionClass.JUDGEMENT

    def correction(
        self, system: str, idempotency_key: str, *, precondition: Mapping[str, Scalar] | None = None
    ) -> Correction:
        """Return the message as a correction to a system.

        Args:
            system: Its declared name.
            idempotency_key: Which is its identity as well.
            precondition: In place of the example's own.
        """
        return Correction(
            correction_id=idempotency_key,
            target=system,
            message=self.message,
            payload=self.payload,
            precondition=self.precondition if precondition is None else precondition,
            idempotency_key=idempotency_key,
            correction_class=self.correction_class,
        )


class WriteExample(BaseModel):
    """A change that may really be made, and how it is taken back.

    Attributes:
        change: The change.
        undo: What takes it back; None where a person does that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    change: ExampleMessage
    undo: ExampleMessage | None = None


@dataclass(frozen=True, slots=True)
class ExampleCorrections:
    """An example as it is sent.

    Attributes:
        change: The change.
        out_of_date: The same change, decided on values the system does not hold; None where it compares none.
        undo: What takes the change back; None where a person does that.
    """

    change: Correction
    out_of_date: Correction | None
    undo: Correction | None


_EXAMPLE = TypeAdapter(WriteExample)


def read_example(path: Path) -> WriteExample:
    """Read an example correction.

    Raises:
        ConfigurationError: The file cannot be read or does not fit; the message names the line.
    """
    return read_yaml(path, _EXAMPLE, what="example correction")


def example_corrections(example: WriteExample, system: str, key: str, approve: Approve) -> ExampleCorrections:
    """Return the corrections of an example, each approved.

    Args:
        example: What may be changed.
        system: Declared name of the system.
        key: Idempotency key, which no other correction has.
        approve: Approves each content, before anything is sent.
    """
    others = {name: another(value) for name, value in example.change.precondition.items()}
    stale = example.change.correction(system, f"{key}-out-of-date", precondition=others) if others else None
    undo = example.undo.correction(system, f"{key}-undo") if example.undo else None
    return ExampleCorrections(
        change=approve(example.change.correction(system, key)),
        out_of_date=approve(stale) if stale else None,
        undo=approve(undo) if undo else None,
    )


def another(value: Scalar) -> Scalar:
    """Return a value of the same kind that is not the given one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    written = "" if value is None else value
    whole, dot, rest = written.partition(".")
    return f"{int(whole) + 1}{dot}{rest}" if whole.lstrip("-").isdigit() else f"{written}-other"
