"""One value of a policy file changed in its text, so that comments and order stay as people have written them.

Whether the file still fits afterwards is asked when the change is proposed, in `changing`.
"""

from __future__ import annotations

import re
from typing import Final

import yaml

from fulfillment_pipelines.corrections.governing.nesting import require_shallow
from fulfillment_pipelines.errors import BadDataError

_PLAIN: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.]*$")
_VERSION: Final = "version"


def with_value(text: str, location: tuple[str, ...], value: str) -> str:
    """Return a text in which one value is another.

    Args:
        text: A YAML file.
        location: The keys that lead to the value, the outermost first.
        value: A number or a word, as it is to stand there.

    Raises:
        BadDataError: The value is neither, or no value stands there.
    """
    if not _PLAIN.match(value):
        raise BadDataError(
            f"'{value}' cannot stand there.",
            expected="a number or one word",
            found=value[:64],
            remedy="correct it, or edit the text of the file",
        )
    node = _scalar_at(yaml.compose(text, Loader=yaml.SafeLoader), location)
    return text[: node.start_mark.index] + value + text[node.end_mark.index :]


def with_raised_version(before: str, after: str) -> str:
    """Return a changed text whose `version` is greater than before, where the file has one.

    A text that is no YAML is returned as it is: that it does not fit is told with its line, elsewhere.

    Raises:
        BadDataError: It is nested too deeply to be read.
    """
    require_shallow(after)
    try:
        old, new = (_version_of(text) for text in (before, after))
    except yaml.YAMLError:
        return after
    if old is None or new is None or before == after or new > old:
        return after
    return with_value(after, (_VERSION,), str(old + 1))


def _version_of(text: str) -> int | None:
    content = yaml.safe_load(text)
    version = content.get(_VERSION) if isinstance(content, dict) else None
    return version if isinstance(version, int) else None


def _scalar_at(node: yaml.Node | None, location: tuple[str, ...]) -> yaml.ScalarNode:
    for name in location:
        entries = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for key, value in entries if key.value == name), None)
    if not isinstance(node, yaml.ScalarNode):
        raise BadDataError(
            f"There is no value {'.'.join(location)} in the file.",
            expected="the name of one value",
            found="none of that name",
            remedy="choose one of the table",
        )
    return node
