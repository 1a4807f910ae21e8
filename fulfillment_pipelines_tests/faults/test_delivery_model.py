"""Corrections under everything at once: random interleavings against a target that counts its effects.

People, workers, clocks, snapshots and the target take turns in any order; hypothesis looks for an order that breaks a
promise and shortens it. `DELIVERY_MODEL_EXAMPLES` asks for a longer search, from another start each time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fulfillment_pipelines.corrections import approval
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines_tests.faults.delivery_world import DeliveryWorld
from fulfillment_pipelines_tests.faults.scripted_target import Reply, Sight

WORKERS = st.sampled_from(["A", "B"])
ORDERS = st.sampled_from(["SO-1", "SO-2"])
EXAMPLES = int(os.environ.get("DELIVERY_MODEL_EXAMPLES", "0"))
