-- grain: one row per invoice line without a lead and leg it may bill: same customer, same item, shipped in the window
-- `time_score` is 1 for a leg that left when it was billed and 0 at the edge of the window; `price_score` is 1 for the
-- price agreed and 0 from the limit on. Both are whole thousandths. What is posted bills nothing that left after it.
with

open_lines as (
    select line_key, customer_id, sku, unit_price, billed_at, is_posted
    from match_lines
    where resolved_by is null and document_type = 'INVOICE'
),

candidates as (
    select
        open_lines.line_key,
        legs.leg_key,
        open_lines.is_posted,
        open_lines.unit_price as billed_price,
        legs.unit_price as agreed_price,
        epoch(open_lines.billed_at) - epoch(legs.shipped_at) as age_seconds
    from open_lines
    inner join match_legs as legs on open_lines.customer_id = legs.customer_id and open_lines.sku = legs.sku
)

select
    line_key,
    leg_key,
    cast(round(1000 * (1 - least(abs(age_seconds) / cast($window_days * 86400 as double), 1))) as bigint) as time_score,
    case
        when agreed_price is null then 500
        when agreed_price = 0 then 0
        else cast(
            round(
                1000 * (
                    1 - least(
                        cast(abs(billed_price - agreed_price) * 100 as double)
                        / cast(agreed_price * $price_limit_percent as double),
                        1
                    )
                )
            ) as bigint
        )
    end as price_score
from candidates
where
    age_seconds <= $window_days * 86400
    and age_seconds >= case when is_posted then 0 else -$lead_hours * 3600 end
