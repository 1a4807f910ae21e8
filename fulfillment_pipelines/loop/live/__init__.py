"""The live loop: one long-lived process that turns a change in a system into a case, and a case into a correction.

A round is the same stages that `passes` runs, on what the systems had to say since the round before. Dagster is told
of it by `orchestration`; what runs beside it (full reconciles, upkeep) stays a run of Dagster.
"""
