"""Faults that only a platform that corrects can see: a correction without effect, and one that is undone each time.

Every function lets another code's fault happen, arranges that its cure fails, and returns the one label of both.
"""

from __future__ import annotations

from dataclasses import replace

from fulfillment_pipelines.twin.faults.faults_flow import confirmation_lost
from fulfillment_pipelines.twin.faults.faults_state import stock_reserved_locally
from fulfillment_pipelines.twin.faults.targets import FaultContext
from fulfillment_pipelines.twin.faults.write_backs import BlackHole
from fulfillment_pipelines.twin.labels import Label


def correction_swallowed(context: FaultContext) -> Label:
    """SYS-03: the ERP acknowledges a ship confirmation that it was sent again, and does not book it."""
    cause = confirmation_lost(context)
    shipment_no, order_no, line_no = cause.business_key.split("/")
    fields = {"shipment_no": shipment_no, "order_no": order_no, "line_no": line_no}
    context.write_backs.swallow(BlackHole("erp", fields))
    return _of_correction("SYS-03", cause, "the ERP acknowledges the confirmation and forgets it")


def correction_undone(context: FaultContext) -> Label:
    """SYS-05: a job of the ERP sets lowered availability up again, each time."""
    cause = stock_reserved_locally(context)
    context.write_backs.keep_availability(context.books, cause.node, cause.business_key)
    return _of_correction("SYS-05", cause, "a job of the ERP promises the reserved stock again each time")


def _of_correction(code: str, cause: Label, note: str) -> Label:
    return replace(
        cause,
        code=code,
        business_key=f"{cause.code}/{cause.business_key}",
        system="erp",
        note=note,
        secondary=(cause.code,),
    )
