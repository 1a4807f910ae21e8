"""Everything that corrections meet, under the hand of a model: differences, people, workers, clocks and a target.

The world checks what was promised whenever it is asked to. Which things happen in which order belongs to the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from fulfillment_pipelines.corrections import approval
from fulfillment_pipelines.corrections.confirm import confirm
from fulfillment_pipelines.corrections.content import Content, content_hash_of
from fulfillment_pipelines.corrections.dispatch import Dispatcher
from fulfillment_pipelines.corrections.editing import Edit, edit
from fulfillment_pipelines.corrections.lapse import lapse
from fulfillment_pipelines.corrections.lifecycle import LEGAL_MOVES
from fulfillment_pipelines.corrections.loop_guard import stop_loops
from fulfillment_pipelines.corrections.notices import take_notice
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposals import propose
from fulfillment_pipelines.corrections.replay import replay
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger import audit, switches
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.ledger.outbox import DeliveryStatus, deliveries_of
from fulfillment_pipelines.ledger.readings import list_corrections, show_case
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork
from fulfillment_pipelines.systems.port import CorrectionSink
from fulfillment_pipelines_tests.faults.delivering import UNFINISHED, billed_too_soon, dispatcher_of, unbilled
from fulfillment_pipelines_tests.faults.scripted_target import Reply, ScriptedTarget, Sight
from fulfillment_pipelines_tests.faults.stepped_worker import AtTheDoor, Ended, MortalLedger, SteppedWorker
