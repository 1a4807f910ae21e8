"""Read a YAML file into a typed model; what does not fit is told by file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from fulfillment_pipelines.errors import ConfigurationError

_Model = TypeVar("_Model")

# Reading with libyaml takes a tenth of the time; PyYAML is also built without it.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

PLACE = "place_in_file"
"""Key in the context of an error about a whole file: the dotted path of what is really wrong."""

_MERGE_KEY = "<<"
_SHOWN_PROBLEMS = 5
_SHOWN_CHARACTERS = 60


def read_yaml(path: Path, model: TypeAdapter[_Model], *, what: str) -> _Model:
    """Read a file into the model; anchors and merge keys work.

    Args:
        path: The file.
        model: What it must hold.
        what: What such a file is called, for the error.

    Raises:
        ConfigurationError: The file cannot be read, is not YAML, repeats a key, or does not fit the model.
    """
    text = text_of(path, what=what)
    try:
        _refuse_repeated_keys(path, yaml.compose(text, Loader=_Loader))
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - the safe loader, in C where there is one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise ConfigurationError(
            f"{place}: this {what} is not YAML.",
            found=str(getattr(error, "problem", None) or error),
            remedy="correct the line",
        ) from error
    try:
        return model.validate_python(content)
    except ValidationError as error:
        raise _misfit(path, yaml.compose(text, Loader=_Loader), error, what) from error


def line_of_key(path: Path, *location: str) -> int:
    """Return the line on which a key stands, or the last of its parents that the file has.

    Args:
        path: A YAML file that has been read before.
        location: The key, from the outermost to itself.
    """
    return _line_of(yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader), location)


def text_of(path: Path, *, what: str) -> str:
    """Return the text of a file.

    Args:
        path: The file.
        what: What such a file is called, for the error.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The {what} {path} cannot be read.",
            expected="a YAML file in UTF-8",
            found=str(error),
            remedy="correct the path where it is named, or create the file",
        ) from error


def _refuse_repeated_keys(path: Path, node: yaml.Node | None) -> None:
    for mapping in _mappings(node, set()):
        seen: set[str] = set()
        for key, _ in mapping.value:
            name = str(key.value)
            if name in seen and name != _MERGE_KEY:
                raise ConfigurationError(
                    f"{path}:{key.start_mark.line + 1}: the key '{name}' stands twice.",
                    expected="each key once, since the second would silently replace the first",
                    remedy="remove or rename one of them",
                )
            seen.add(name)


def _mappings(node: yaml.Node | None, visited: set[int]) -> Iterator[yaml.MappingNode]:
    if node is None or id(node) in visited:
        return
    visited.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value, visited)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _mappings(item, visited)


def _misfit(path: Path, node: yaml.Node | None, error: ValidationError, what: str) -> ConfigurationError:
    by_line: dict[int, list[ErrorDetails]] = {}
    for details in map(_placed, error.errors(include_url=False)):
        by_line.setdefault(_line_of(node, details["loc"]), []).append(details)
    problems = [f"line {line}: {_expectation(problems)}" for line, problems in sorted(by_line.items())]
    first_line, first = min(by_line.items())
    hidden = len(problems) - _SHOWN_PROBLEMS
    return ConfigurationError(
        f"{path}:{first_line}: this {what} is not valid.",
        expected="; ".join(problems[:_SHOWN_PROBLEMS]) + (f"; and {hidden} lines more" if hidden > 0 else ""),
        found=_found(first[0]),
        remedy="correct the file",
    )


def _placed(details: ErrorDetails) -> ErrorDetails:
    """Return the error with the place that its context names, where it is about the whole file without one."""
    place = details.get("ctx", {}).get(PLACE)
    if not isinstance(place, str):
        return details
    found = details["input"]
    for part in place.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return {**details, "loc": ("", *place.split(".")), "input": found}


def _expectation(problems: list[ErrorDetails]) -> str:
    """Say what one line should hold; alternatives of a union are joined, since each is one way out."""
    place = ".".join(str(part) for part in problems[0]["loc"][1:])
    return f"{place or 'the file'}: " + " or ".join(dict.fromkeys(problem["msg"] for problem in problems))


def _found(problem: ErrorDetails) -> str:
    if problem["type"] == "plain_secret":
        return "a plain value, not shown"
    if problem["type"] == "missing":
        return "nothing"
    return repr(problem["input"])[:_SHOWN_CHARACTERS]


def _line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Follow a pydantic location as far as the file goes; parts that are not in the file (union tags) are skipped."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in location:
        step = _child(node, part)
        if step is not None:
            node, line = step
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if key.value == str(part):
            return value, key.start_mark.line + 1
        if key.value == _MERGE_KEY:
            merged.extend(value.value if isinstance(value, yaml.SequenceNode) else [value])
    return next((step for parent in merged if (step := _child(parent, part)) is not None), None)
