"""A feed of a standing distributor and what is said in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import pyarrow as pa

Feed: TypeAlias = tuple[str, str]
"""System and entity, as declared."""

Answers: TypeAlias = Mapping[Feed, pa.Table]
"""Rows by feed, under the field names of the declaration."""
