"""Policy files are checked by the shapes that read them, and the schemas beside them say the same."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.seed_files import SEED_FILES, SeedFile

SEEDS = Path(__file__).parents[3] / "data" / "seeds"
NUMBER = re.compile(r"(?<=: )\d+(?=\D)")


@pytest.mark.parametrize("file", SEED_FILES, ids=lambda file: file.name)
def test_committed_schema_is_the_one_the_shape_gives(file: SeedFile) -> None:
    committed = json.loads((SEEDS / "schemas" / file.schema_name).read_text(encoding="utf-8"))
    assert committed == file.schema(), "run `make docs`"


@pytest.mark.parametrize("file", SEED_FILES, ids=lambda file: file.name)
def test_policy_file_fits_its_schema_and_names_it_for_editors(file: SeedFile) -> None:
    text = (SEEDS / file.name).read_text(encoding="utf-8")
    # Dates are text in JSON, as a partner or an editor sees them.
    content = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.Draft202012Validator(file.schema()).validate(content)
    assert text.startswith(f"# yaml-language-server: $schema=schemas/{file.schema_name}\n")


def test_every_policy_file_of_the_seeds_is_listed() -> None:
    listed = {file.name for file in SEED_FILES} | {"distributor.yaml"}
    assert {path.name for path in SEEDS.glob("*.yaml")} == listed


@pytest.mark.parametrize("file", SEED_FILES, ids=lambda file: file.name)
def test_bad_value_is_refused_with_file_line_and_remedy(file: SeedFile, tmp_path: Path) -> None:
    seeds = Path(shutil.copytree(SEEDS, tmp_path / "seeds"))
    lines = (seeds / file.name).read_text(encoding="utf-8").splitlines()
    first_value = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    lines.insert(first_value, "nobody_knows_this: {x: y}")
    (seeds / file.name).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        file.check(seeds)
    assert f"{file.name}:{first_value + 1}" in refused.value.what
    assert refused.value.remedy


def test_negative_tolerance_is_refused_at_its_line(tmp_path: Path) -> None:
    tolerances = next(file for file in SEED_FILES if file.name == "tolerances.yaml")
    lines = (SEEDS / "tolerances.yaml").read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if "int_03_grace_minutes" in line)
    lines[at] = NUMBER.sub("-1", lines[at], count=1)
    (tmp_path / "tolerances.yaml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        tolerances.check(tmp_path)
    assert f"tolerances.yaml:{at + 1}" in refused.value.what
    assert "greater than or equal to 0" in refused.value.expected
