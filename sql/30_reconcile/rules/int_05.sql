-- rule: INT-05
-- name: UNMAPPED_REFERENCE
-- title: A number or unit of a partner stands for nothing, or for more than one thing
-- grain: number of a partner, or unit of a system
-- scope: feed
-- severity: S3
-- owner: Master data
-- also: channel.orders, channel.order_lines, erp.orders, erp.cross_references
-- class: J
-- source: domain book 2.7
-- The orders that wait for a mapping are in the evidence; their lines differ with it. It is of no order, since one
-- mapping lets them all in. Whose number it is must be known first: an order without a known customer is INT-01.
with

unmapped_items as (
    select
        reference_key,
        max(foreign_sku) as foreign_sku,
        max(customer_id) as customer_id,
        count(distinct order_id) as order_count,
        min(order_id) as first_order_id,
        sum(open_amount) as open_amount,
        max(currency) as currency,
        min(ordered_at) as waiting_since,
        max(line_snapshot_id) as snapshot_id
    from rec_order_intake
    where reference_key <> ''
    group by reference_key
),

meanings as (
    select party_id, foreign_id, count(distinct own_id) as meaning_count
    from canon_cross_references
    where reference_type = 'ITEM'
    group by party_id, foreign_id
),

unmapped_units as (
    select
        system,
        uom,
        count(*) as row_count,
        min(source_key) as first_key,
        min(as_of) as waiting_since,
        max(snapshot_id) as snapshot_id
    from ops_open_quarantine
    where failed_checks = 'uom:known'
    group by system, uom
),

unmapped as (
    select
        unmapped_items.reference_key as business_key,
        cast(coalesce(meanings.meaning_count, 0) as varchar) as actual_value,
        unmapped_items.open_amount as value_at_risk_amount,
        unmapped_items.currency,
        unmapped_items.waiting_since,
        to_json({
            'reference_type': 'ITEM',
            'party_id': unmapped_items.customer_id,
            'foreign_id': unmapped_items.foreign_sku
        }) as payload,
        to_json({
            'lines': unmapped_items.snapshot_id,
            'orders': unmapped_items.order_count,
            'first_order': unmapped_items.first_order_id
        }) as evidence
    from unmapped_items
    left join meanings
        on unmapped_items.customer_id = meanings.party_id and unmapped_items.foreign_sku = meanings.foreign_id
    union all
    select
        'UOM/' || unmapped_units.system || '/' || unmapped_units.uom as business_key,
        '0' as actual_value,
        cast(0 as decimal(18, 2)) as value_at_risk_amount,
        'XXX' as currency,
        unmapped_units.waiting_since,
        to_json({
            'reference_type': 'UOM',
            'party_id': unmapped_units.system,
            'foreign_id': unmapped_units.uom
        }) as payload,
        to_json({
            'lines': unmapped_units.snapshot_id,
            'rows': unmapped_units.row_count,
            'first_row': unmapped_units.first_key
        }) as evidence
    from unmapped_units
)

select
    business_key,
    '' as node,
    business_key as scope_key,
    cast(null as varchar) as order_id,
    cast(null as bigint) as line_no,
    '1' as expected_value,
    actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(value_at_risk_amount as decimal(18, 2)) as value_at_risk_amount,
    currency,
    waiting_since as condition_since,
    waiting_since as breaks_at,
    '' as message,
    '' as target_role,
    payload,
    to_json({'meanings': actual_value}) as precondition,
    'what a number stands for, a person decides' as judgement_reason,
    evidence
from unmapped
