"""Documents sent to trading partners, as declared: how each partner wants them, and how messages fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, TypeAlias

from pydantic import Discriminator, Tag, model_validator
from pydantic import Field as Declares
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.x12_documents import DOCUMENTS
from fulfillment_pipelines.systems.declaration.parts import Declared, LiteralValue, ValueSource

# Letters, digits and blanks stand in every element, and points and hyphens in numbers.
_Mark: TypeAlias = Annotated[str, Declares(pattern=r"^[!\"#$%&'()*+,/:;<=>?@\[\\\]^`{|}~\x1c-\x1f]$")]


class Party(Declared):
    """One side of an exchange.

    Attributes:
        qualifier: Kind of the identifier (ISA05, ISA07), for example ZZ.
        id: The identifier in the envelopes.
    """

    qualifier: str = Declares(pattern=r"^[A-Z0-9]{2}$")
    id: str = Declares(pattern=r"^[A-Za-z0-9._-]{2,15}$")


class PartnerDelimiters(Declared):
    """What stands between elements, between components and behind segments."""

    element: _Mark = "*"
    component: _Mark = ">"
    segment: _Mark = "~"
    line_break: Literal["", "\n", "\r\n"] = ""

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({self.element, self.component, self.segment}) < 3:  # noqa: PLR2004 - there are three of them
            raise PydanticCustomError("delimiters", "three different characters")
        return self


class PartnerAcknowledgment(Declared):
    """How the documents that a partner sends are answered with 997s.

    Attributes:
        received: Glob of the files among which the partner's documents are.
        drop: Path template of the answer, with `interchange_no` (ISA13 of what is answered) in braces.
        sent: Glob of the answer once it was sent on, with the same in braces.
        reads: Transaction sets that are taken, others are rejected; without it, all are.
    """

    received: str
    drop: str = Declares(pattern=r"\{interchange_no\}")
    sent: str = Declares(pattern=r"\{interchange_no\}")
    reads: tuple[str, ...] = ()


class Partner(Declared):
    """One trading partner who takes X12.

    Attributes:
        syntax: X12.
        sender: Us.
        receiver: The partner.
        delimiters: Of our interchanges to it.
        version: Release and guideline of the documents (GS08).
        usage: P for production, T for tests (ISA15).
        first_control_number: Number of our first interchange, where the partner has had others before.
        acknowledges: How we answer the partner's documents; without it, not at all.
    """

    syntax: Literal["x12"] = "x12"
    sender: Party
    receiver: Party
    delimiters: PartnerDelimiters = PartnerDelimiters()
    version: str = Declares(default="004010", pattern=r"^004010[A-Z0-9]{0,6}$")
    usage: Literal["P", "T"] = "P"
    first_control_number: int = Declares(default=1, ge=1, le=999_999_999)
    acknowledges: PartnerAcknowledgment | None = None


class EdifactParty(Declared):
    """One side of an exchange of EDIFACT.

    Attributes:
        qualifier: Kind of the identifier (0007), for example 14; empty where none was agreed.
        id: The identifier in the envelopes.
    """

    qualifier: str = Declares(default="", pattern=r"^[A-Z0-9]{0,4}$")
    id: str = Declares(pattern=r"^[A-Za-z0-9._-]{2,35}$")


class EdifactPartner(Declared):
    """One trading partner who takes EDIFACT: messages of directory D.96A, character set UNOC.

    Attributes:
        syntax: EDIFACT.
        sender: Us.
        receiver: The partner.
        association: Guideline of the messages (0057), for example EAN008.
        line_break: Written behind each segment.
        usage: P for production, T for tests (0035).
        answers: Whether the partner answers with CONTRLs; one who does not has a document once it was sent on.
        first_control_number: Reference of our first interchange, where the partner has had others before.
    """

    syntax: Literal["edifact"]
    sender: EdifactParty
    receiver: EdifactParty
    association: str = Declares(default="", pattern=r"^[A-Z0-9]{0,6}$")
    line_break: Literal["", "\n", "\r\n"] = ""
    usage: Literal["P", "T"] = "P"
    answers: Literal["none", "contrl"] = "none"
    first_control_number: int = Declares(default=1, ge=1, le=999_999_999)


TradingPartner: TypeAlias = Annotated[
    Annotated[Partner, Tag("x12")] | Annotated[EdifactPartner, Tag("edifact")],
    Discriminator(
        lambda value: value.get("syntax", "x12") if isinstance(value, Mapping) else value.syntax,
        custom_error_type="syntax",
        custom_error_message="`syntax` to be x12 or edifact",
    ),
]
"""A partner of either standard."""


class DocumentMessage(Declared):
    """One message, delivered as an interchange of one document of one line.

    A value comes from the payload, or is one of `idempotency_key`, `control_number` and `sent_at`.

    Attributes:
        document: Transaction set; to a partner who takes EDIFACT, the message that says the same.
        partner: Who receives it: the name of one of `partners`.
        drop: Path template of the file, with payload fields and `idempotency_key` in braces.
        sent: Glob of the file once it was sent on, with the same in braces.
        rejected: Path template of a file that is not sent on.
        answers: Glob of the files among which the partner's 997s or CONTRLs are.
        fields: Field of the document to where its value comes from.
        line: Field of its line to where its value comes from.
    """

    document: Literal["810", "846", "850", "855", "856", "860", "940", "945", "947"]
    partner: ValueSource
    drop: str = Declares(pattern=r"\{idempotency_key\}")
    sent: str = Declares(pattern=r"\{idempotency_key\}")
    rejected: str = Declares(pattern=r"\{idempotency_key\}")
    answers: str
    fields: Mapping[str, ValueSource]
    line: Mapping[str, ValueSource]

    @model_validator(mode="after")
    def _fills_the_document(self) -> Self:
        of_document, of_line = DOCUMENTS[self.document]
        _check("fields", self.fields, of_document, but="lines")
        _check("line", self.line, of_line)
        return self


def partner_is_declared(message: DocumentMessage, partners: Mapping[str, TradingPartner]) -> bool:
    """Return whether a message can go to a declared partner; a payload may still name another."""
    if isinstance(message.partner, LiteralValue):
        return message.partner.literal in partners
    return bool(partners)


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def _check(part: str, filled: Mapping[str, ValueSource], model: type[_Dataclass], *, but: str = "") -> None:
    known = [field for field in fields(model) if field.name != but]
    unknown = sorted(filled.keys() - {field.name for field in known})
    missing = [field.name for field in known if field.default is MISSING and field.name not in filled]
    if unknown or missing:
        raise PydanticCustomError(
            "document",
            "in `{part}` only {known}, and at least {needed}",
            {
                "part": part,
                "known": ", ".join(field.name for field in known),
                "needed": ", ".join(field.name for field in known if field.default is MISSING),
            },
        )
