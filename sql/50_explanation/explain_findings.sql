-- grain: one row per finding about the orders in $order_ids
select
    findings.code,
    rules.title,
    findings.verdict,
    findings.business_key,
    findings.node,
    findings.order_id,
    findings.line_no,
    findings.expected_value,
    findings.actual_value,
    findings.delta_qty,
    findings.value_at_risk_amount,
    findings.currency,
    findings.condition_since,
    findings.breaks_at,
    findings.watermark_at,
    findings.snapshots_seen,
    rules.confirm_snapshots,
    findings.message,
    findings.target_role,
    findings.judgement_reason,
    findings.evidence
from rec_findings as findings
inner join rec_rules as rules on findings.code = rules.code
where findings.order_id in (select unnest(cast($order_ids as varchar[])))
order by findings.code, findings.business_key, findings.node
