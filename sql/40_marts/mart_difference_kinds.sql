-- grain: one row per code, kind of difference and currency, of what is DIFFER
-- What is wrong, in words: less or more than the authority says, or what was found where that is no number.
with

kinds as (
    select
        code,
        business_key,
        currency,
        value_at_risk_amount,
        case
            when try_cast(expected_value as decimal(18, 4)) > try_cast(actual_value as decimal(18, 4))
                then 'less than expected'
            when try_cast(expected_value as decimal(18, 4)) < try_cast(actual_value as decimal(18, 4))
                then 'more than expected'
            else actual_value
        end as kind
    from rec_findings
    where verdict = 'DIFFER'
)

select
    kinds.code,
    ref_rules.title,
    kinds.kind,
    kinds.currency,
    count(*) as finding_count,
    cast(sum(kinds.value_at_risk_amount) as decimal(18, 2)) as value_at_risk_amount,
    min(kinds.business_key) as first_business_key
from kinds
inner join ref_rules on kinds.code = ref_rules.code
group by kinds.code, ref_rules.title, kinds.kind, kinds.currency
