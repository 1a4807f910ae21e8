"""How deeply a text may be nested before anything reads it as a whole: what reads it goes down by one call a level."""

from __future__ import annotations

from typing import Final

import yaml

from fulfillment_pipelines.errors import BadDataError

DEEPEST: Final = 50
"""No policy file is nested so deeply."""

_OPENS: Final = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES: Final = (yaml.MappingEndEvent, yaml.SequenceEndEvent)

# As everywhere: with libyaml it takes a tenth of the time; PyYAML is also built without it.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def require_shallow(text: str) -> None:
    """Do nothing where a text can be read without going too deep; whether it fits is asked of who reads it.

    A text that is no YAML passes: that is told with its line, elsewhere.

    Raises:
        BadDataError: It is nested too deeply; names the line.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, _OPENS) - isinstance(event, _CLOSES)
            if depth > DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise BadDataError(
                    f"Line {line}: the text is nested too deeply.",
                    expected=f"at most {DEEPEST} levels",
                    found="more",
                    remedy="correct the line",
                )
    except yaml.YAMLError:
        return
