"""See an OpenAPI document (2.0 to 3.1) as lists of fields: what its collections answer, and how pages are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.onboarding.openapi_access import access_of
from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField, SampledSystem, Written
from fulfillment_pipelines.systems.transports.http.published_document import fetch_document

_TOTALS: Final = ("total", "count", "totalcount", "total_count", "totalitems", "total_items", "totalresults")
_OFFSETS: Final = ("offset", "skip", "start", "$skip", "from")
_SIZES: Final = (
    "limit",
    "size",
    "page_size",
    "pagesize",
    "per_page",
    "perpage",
    "take",
    "$top",
    "max_results",
    "count",
)
_PAGES: Final = ("page", "page_number", "pagenumber", "pageno")
_CURSORS: Final = ("cursor", "page_token", "pagetoken", "after", "continuation_token", "next_token")
_NEXT: Final = ("next_cursor", "nextcursor", "next_page_token", "nextpagetoken", "next", "next_token", "end_cursor")
_SINCE: Final = (
    *(
        f"{verb}{joint}{word}"
        for verb in ("updated", "modified", "changed")
        for joint in ("_", "")
        for word in ("since", "after")
    ),
    "since",
)
_DEEPEST: Final = 8
_USUAL_PAGE: Final = 500
"""What a declaration asks for where it names no size."""


def sample_openapi(name: str, address: str) -> SampledSystem:
    """Return what an OpenAPI document says of a system.

    Args:
        name: Declared name of the system.
        address: The document's file, or where it is published.

    Raises:
        ConfigurationError: The document is not there.
        BadDataError: It is no OpenAPI document.
        SystemDownError: Its server does not answer.
    """
    document = _document(address)
    auth, references = access_of(name, document)
    base = f"{name.upper()}_URL"
    return SampledSystem(
        transport={"kind": "http", "base_url": {"ref": base}, "auth": auth},
        references={base: f"where its interface is{_server(document)}", **references},
        entities=tuple(_entities(document)),
    )


def _document(address: str) -> Mapping[str, Any]:
    is_url = urlsplit(address).scheme in {"http", "https"}
    try:
        content = fetch_document(address) if is_url else Path(address).read_bytes()
        document = _read(content)
    except OSError as error:
        raise ConfigurationError(
            f"The document {address} cannot be read.",
            expected="a file, or an address that begins with http",
            found=error.strerror or type(error).__name__,
            remedy="correct the path",
        ) from error
    except yaml.YAMLError as error:
        raise _no_openapi(address, "neither JSON nor YAML") from error
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise _no_openapi(address, "no `paths`")
    return document


def _read(content: bytes) -> Any:
    """JSON is read as JSON: reading it as the YAML that it also is takes a hundred times as long."""
    try:
        return json.loads(content)
    except ValueError:
        return yaml.load(content, Loader=_TextLoader)  # noqa: S506 - a safe loader, without dates


class _TextLoader(yaml.SafeLoader):
    """Reads JSON and YAML alike, and leaves dates as they are written."""


_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _no_openapi(address: str, found: str) -> BadDataError:
    return BadDataError(
        f"{address} is no OpenAPI document.",
        expected="a JSON or YAML document with `paths`",
        found=found,
        remedy="give the document that the system's developers publish, often openapi.json or swagger.json",
    )


def _server(document: Mapping[str, Any]) -> str:
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        return f", such as {servers[0].get('url', '')}"
    if host := document.get("host"):
        return f", such as https://{host}{document.get('basePath', '')}"
    return ""


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a collection answers: where its records are, what they are, what stands beside them."""

    records: str
    record: Mapping[str, Any]
    beside: Mapping[str, str]


def _entities(document: Mapping[str, Any]) -> Iterator[SampledEntity]:
    for path, item in document["paths"].items():
        operation = item.get("get") if isinstance(item, dict) else None
        if not isinstance(operation, dict) or "{" in path:
            continue
        listing = _listing(document, _answer(document, operation))
        if listing is None:
            continue
        declared = [*item.get("parameters", []), *operation.get("parameters", [])]
        resolved = [_resolved(document, parameter) for parameter in declared]
        queried = {str(one.get("name")): one for one in resolved if one.get("in") == "query"}
        parameters = {name.lower(): name for name in queried}
        fields = tuple(_field(document, name, schema) for name, schema in _properties(document, listing.record).items())
        if fields:
            name = path.strip("/").rsplit("/", 1)[-1]
            address = {**_address(path, listing), **_paging(parameters, listing, _page_sizes(document, queried))}
            yield SampledEntity(name=name, fields=fields, address=address, since=_since(parameters))


def _address(path: str, listing: _Listing) -> dict[str, Written]:
    total = next((name for folded, name in listing.beside.items() if folded in _TOTALS), "")
    return {
        "path": path,
        **({"records": listing.records} if listing.records else {}),
        **({"total_field": total} if total else {}),
    }


def _page_sizes(document: Mapping[str, Any], queried: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return how many records a page may be asked for, where a parameter says so and it is less than we would ask."""
    declared = {name: _resolved(document, parameter.get("schema", parameter)) for name, parameter in queried.items()}
    said = {name: schema.get("maximum", schema.get("default")) for name, schema in declared.items()}
    return {name: size for name, size in said.items() if isinstance(size, int) and 0 < size < _USUAL_PAGE}


def _paging(parameters: Mapping[str, str], listing: _Listing, sizes: Mapping[str, int]) -> dict[str, Written]:
    def named(known: tuple[str, ...], given: Mapping[str, str]) -> str:
        return next((given[name] for name in known if name in given), "")

    size = named(_SIZES, parameters)
    sized: dict[str, Written] = {"size_parameter": size} if size else {}
    if size in sizes:
        sized["size"] = sizes[size]
    following = named(_NEXT, listing.beside)
    if (cursor := named(_CURSORS, parameters)) and following:
        return {"paging": {"kind": "cursor", "parameter": cursor, "next_field": following, **sized}}
    if (offset := named(_OFFSETS, parameters)) and size:
        return {"paging": {"kind": "offset", "parameter": offset, **sized}}
    if page := named(_PAGES, parameters):
        return {"paging": {"kind": "page_number", "parameter": page, **sized}}
    return {}


def _since(parameters: Mapping[str, str]) -> dict[str, Written]:
    found = next((parameters[name] for name in _SINCE if name in parameters), "")
    return {"parameter": found} if found else {}


def _answer(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any]:
    answers = operation.get("responses", {})
    answer = _resolved(document, answers.get("200") or answers.get(200) or answers.get("default") or {})
    content = answer.get("content", {})
    typed: Mapping[str, Any] = next((content[kind] for kind in content if "json" in kind), {})
    return _resolved(document, typed.get("schema") or answer.get("schema") or {})


def _listing(document: Mapping[str, Any], schema: Mapping[str, Any]) -> _Listing | None:
    if schema.get("type") == "array":
        return _Listing("", _resolved(document, schema.get("items", {})), {})
    properties = _properties(document, schema)
    for name, declared in properties.items():
        inner = _resolved(document, declared)
        record = _resolved(document, inner.get("items", {})) if inner.get("type") == "array" else {}
        if _properties(document, record):
            return _Listing(name, record, {other.lower(): other for other in properties if other != name})
    return None


def _properties(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """The properties of an object, those of its parts (`allOf`) among them."""
    found: dict[str, Any] = {}
    if depth < _DEEPEST:
        for part in schema.get("allOf", []):
            found.update(_properties(document, _resolved(document, part), depth + 1))
    found.update(schema.get("properties") or {})
    return found


def _resolved(document: Mapping[str, Any], node: Any) -> Mapping[str, Any]:
    """Follow references within the document; what leads elsewhere, or in a circle, is nothing."""
    for _ in range(_DEEPEST):
        reference = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(reference, str):
            return node if isinstance(node, dict) else {}
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return {}


def _field(document: Mapping[str, Any], name: str, declared: Any) -> SampledField:
    schema = _resolved(document, declared)
    kinds = schema.get("type")
    examples = schema.get("enum") or [schema["example"]] if "example" in schema or schema.get("enum") else []
    return SampledField(
        name,
        tuple(None if value is None else str(value) for value in examples),
        instant=schema.get("format") in {"date-time", "date"},
        zoned=schema.get("format") == "date-time",  # RFC 3339, which has an offset always
        number=any(kind in {"integer", "number"} for kind in (kinds if isinstance(kinds, list) else [kinds])),
    )
