"""What a system is declared to be: the models behind `systems/declared/*.yaml` and how they are read.

Shapes belong here, one module per transport. Connections belong in `systems/transports/`, meaning in
`sql/` and `canonical/`.
"""

from fulfillment_pipelines.systems.declaration.edi import EdiEntity, EdiRows
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage, Partner
from fulfillment_pipelines.systems.declaration.events import (
    BrokerEntity,
    EventEntity,
    NatsDeclaration,
    WebhookDeclaration,
    WebhookEntity,
)
from fulfillment_pipelines.systems.declaration.files import FileEntity, FileMessage, FilesDeclaration, Trailer
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration, HttpEntity
from fulfillment_pipelines.systems.declaration.http_messages import HttpMessage
from fulfillment_pipelines.systems.declaration.load import (
    EntityDeclaration,
    SystemDeclaration,
    declaration_schema,
    load_declaration,
)
from fulfillment_pipelines.systems.declaration.memory import MemoryDeclaration, MemoryEntity
from fulfillment_pipelines.systems.declaration.parts import LiteralValue, Reference, Setting, ValueSource
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration, SqlEntity, SqlMessage

__all__ = [
    "BrokerEntity",
    "DocumentMessage",
    "EdiEntity",
    "EdiRows",
    "EntityDeclaration",
    "EventEntity",
    "FileEntity",
    "FileMessage",
    "FilesDeclaration",
    "HttpDeclaration",
    "HttpEntity",
    "HttpMessage",
    "LiteralValue",
    "MemoryDeclaration",
    "MemoryEntity",
    "NatsDeclaration",
    "Partner",
    "Reference",
    "Setting",
    "SqlDeclaration",
    "SqlEntity",
    "SqlMessage",
    "SystemDeclaration",
    "Trailer",
    "ValueSource",
    "WebhookDeclaration",
    "WebhookEntity",
    "declaration_schema",
    "load_declaration",
]
