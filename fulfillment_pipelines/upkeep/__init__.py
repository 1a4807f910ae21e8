"""Housekeeping: what the platform leaves behind is merged, archived or let go of, and the effect is measured.

Each module does one part; `parts` knows them all. How long what is kept is laid down in `retention.yaml`. Runs of
Dagster are pruned by `orchestration`, which alone knows Dagster.
"""
