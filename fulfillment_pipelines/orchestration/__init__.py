"""Dagster at the rim: what runs the stages of the loop, when, and how it is watched.

Asset bodies call the stages and report what came of them; no decision about data belongs here. Modules in which
Dagster reads annotations leave `from __future__ import annotations` out, because Dagster 1.13 evaluates them.
"""
