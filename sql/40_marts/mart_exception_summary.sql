-- grain: one row per code, verdict and currency
select
    findings.code,
    ref_rules.name,
    findings.verdict,
    findings.currency,
    count(*) as finding_count,
    cast(sum(findings.value_at_risk_amount) as decimal(18, 2)) as value_at_risk_amount,
    min(findings.condition_since) as oldest_condition_since
from rec_findings as findings
inner join ref_rules on findings.code = ref_rules.code
group by findings.code, ref_rules.name, findings.verdict, findings.currency
