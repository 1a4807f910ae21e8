"""Whatever a source calls its fields and holds in them, the declaration says it back, and nothing of it escapes."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.onboarding.samples import SampledEntity, SampledField, SampledSystem
from fulfillment_pipelines.onboarding.scaffold import scaffold
from fulfillment_pipelines.onboarding.synonyms import shipped_thesaurus
from fulfillment_pipelines.systems.declaration import load_declaration

# Control characters cannot stand in YAML at all; the readers of files and databases do not give them in names.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
NASTY = st.sampled_from(["x\nsystem: stolen", "no", "1: 2", "# x", "{a", "'", '"', "a\r\nb", "\u2028key: x", "~", ""])
KNOWN = ("despatch_no", "order_no", "pos", "article", "um", "qty", "departed_at", "state")


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=st.lists(WORDS | NASTY.filter(bool), unique=True, max_size=4), values=st.lists(WORDS | NASTY, max_size=4))
def test_a_declaration_survives_any_names_and_values(tmp_path: Path, names: list[str], values: list[str]) -> None:
    fields = tuple(SampledField(name, tuple(values)) for name in (*KNOWN, *(set(names) - set(KNOWN))))
    lists = (SampledEntity("releases", fields, {"table": names[0] if names else "t"}), SampledEntity("\nx: y", ()))
    sampled = SampledSystem({"kind": "sql", "url": {"ref": "X_URL"}}, {}, lists, remarks=("a\nsystem: stolen",))
    path = tmp_path / "wms_new.yaml"
    scaffold(path, sampled, shipped_thesaurus(), name="wms_new", role="wms", node="SOUTH")
    declaration = load_declaration(path)
    assert declaration.name == "wms_new"
    for entity in declaration.entities.values():
        assert set(entity.fields) <= {field.name for field in fields}
        assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= {
            "system", "title", "role", "node", "contract_version", "freshness_seconds", "transport", "entities"
        }  # fmt: skip
