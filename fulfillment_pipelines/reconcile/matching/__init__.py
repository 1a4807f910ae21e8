"""Match documents that name no order line, or a wrong one, to what was shipped.

`matcher` runs the passes over the lake; `references` compares spellings; `search` divides quantities; `policy` holds
the configured limits. What is billed, by order line, is `rec_billed_lines`; what is a break belongs to the rules.
"""

from __future__ import annotations

from fulfillment_pipelines.reconcile.matching.matcher import DocumentMatcher
from fulfillment_pipelines.reconcile.matching.policy import MatchingPolicy, read_matching_policy

__all__ = ["DocumentMatcher", "MatchingPolicy", "read_matching_policy"]
