"""The code location that `workspace.yaml` names. Dagster wants it built at import; nothing is connected by it."""

from fulfillment_pipelines.orchestration.build import build_definitions

defs = build_definitions()
