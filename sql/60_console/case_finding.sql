-- grain: at most one row: what the last run says at $code, $business_key and $node, and how long what heals there takes
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
    findings.condition_since,
    findings.breaks_at,
    findings.watermark_at,
    findings.snapshots_seen,
    rules.confirm_snapshots,
    findings.evidence,
    rules.lag,
    lags.sample_count,
    lags.p50_seconds,
    lags.p99_seconds,
    lags.longest_seconds
from rec_findings as findings
inner join rec_rules as rules on findings.code = rules.code
left join rec_lags as lags on rules.lag = lags.pair and findings.node = lags.node
where findings.code = $code and findings.business_key = $business_key and findings.node = $node
