"""The single values of policy files that are changed most: tolerances and deadlines, as tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.exceptions.sla import SlaSeed, SlaUnit
from fulfillment_pipelines.reconcile.tolerances import read_tolerances
from fulfillment_pipelines.systems.yaml_file import read_yaml

TOLERANCES = "tolerances.yaml"
SLA = "sla.yaml"


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """One value.

    Attributes:
        name: By what it is named: the tolerance, or severity and deadline.
        location: The keys that lead to it.
        value: What it is.
        unit: In what it is counted.
        about: What it is for.
        used_by: The rules that read it.
    """

    name: str
    location: tuple[str, ...]
    value: str
    unit: str
    about: str
    used_by: tuple[str, ...] = ()

    @property
    def unit_location(self) -> tuple[str, ...]:
        """The keys that lead to its unit."""
        return (*self.location[:-1], "unit")


@dataclass(frozen=True, slots=True)
class PolicyValues:
    """The values of one file.

    Attributes:
        values: In the order of the file.
        units: The units to choose from; none where a unit is not to be chosen.
        chosen: The value that is to be changed; None for none.
    """

    values: tuple[PolicyValue, ...] = ()
    units: tuple[str, ...] = ()
    chosen: PolicyValue | None = None


def read_values(console: Console, file_name: str, chosen: str = "") -> PolicyValues:
    """Return the values of a file that has a form; none for another file.

    Raises:
        NotThereError: The value to be changed is not among them.
        ConfigurationError: The file cannot be read.
    """
    path = console.platform.distributor.seeds / file_name
    values: list[PolicyValue] = []
    units: tuple[str, ...] = ()
    if file_name == TOLERANCES:
        values = _tolerances(path, _used_by(console))
    elif file_name == SLA:
        values, units = _deadlines(path), tuple(unit.value for unit in SlaUnit)
    by_name = {value.name: value for value in values}
    if chosen and chosen not in by_name:
        raise NotThereError(
            f"{file_name} has no value '{chosen}'.",
            expected="one of the values in its table",
            found=chosen,
            remedy="choose one there",
        )
    return PolicyValues(tuple(values), units, by_name.get(chosen))


def _used_by(console: Console) -> Mapping[str, Sequence[str]]:
    used: dict[str, list[str]] = defaultdict(list)
    for rule in console.platform.reconciler.rules:
        for name in rule.tolerances:
            used[name].append(rule.code)
    return used


def _tolerances(path: Path, used_by: Mapping[str, Sequence[str]]) -> list[PolicyValue]:
    return [
        PolicyValue(
            name,
            ("tolerances", name, "value"),
            str(tolerance.value),
            tolerance.unit,
            tolerance.about,
            tuple(used_by.get(name, ())),
        )
        for name, tolerance in read_tolerances(path).tolerances.items()
    ]


def _deadlines(path: Path) -> list[PolicyValue]:
    seed = read_yaml(path, TypeAdapter(SlaSeed), what="SLA policy")
    abouts = {"acknowledge": "somebody has taken the case", "fix": "the difference is solved"}
    return [
        PolicyValue(
            f"{severity.value}.{kind}",
            ("severities", severity.value, kind, "amount"),
            str(deadline.amount),
            deadline.unit.value,
            about,
        )
        for severity, deadlines in seed.severities.items()
        for kind, about in abouts.items()
        for deadline in [getattr(deadlines, kind)]
    ]
