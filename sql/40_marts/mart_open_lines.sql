-- grain: one row per order line on which something is still to be done, from the order's arrival to its invoice
-- Where the line stands: the last milestone that its least advanced units have reached. `order_stage` is that of the
-- order's least advanced line, so that each order stands in one place. A line stalls where a difference stands on it or
-- its promise is over. It belongs to the team of the gravest difference, else to the team whose turn it is.
-- refresh: full
with

promises as (
    select order_id, line_no, promised_at
    from canon_order_lines
    where role = 'erp'
),

arrivals as (
    select order_id, customer_id, ordered_at
    from canon_orders
    where role = 'erp'
    union all
    select channel.order_id, channel.customer_id, channel.ordered_at
    from canon_orders as channel
    anti join canon_orders as erp on erp.role = 'erp' and channel.order_id = erp.order_id
    where channel.role = 'channel'
),

differences as (
    select
        order_id,
        line_no,
        owner,
        code,
        {'severity': severity, 'condition_since': condition_since, 'code': code} as gravity
    from rec_findings
    where verdict = 'DIFFER' and order_id <> ''
),

line_differences as (
    select
        ledger.order_id,
        ledger.line_no,
        min_by(differences.owner, differences.gravity) as owner,
        min_by(differences.code, differences.gravity) as code
    from rec_quantity_ledger as ledger
    inner join differences
        on ledger.order_id = differences.order_id
        and (differences.line_no is null or ledger.line_no = differences.line_no)
    group by ledger.order_id, ledger.line_no
),

lines as (
    select
        ledger.order_id,
        ledger.line_no,
        ledger.node,
        states.order_state,
        states.line_state,
        states.hold_state,
        ledger.open_qty + ledger.backordered_qty + ledger.allocated_unreleased_qty + ledger.released_unpicked_qty
        + ledger.picked_unshipped_qty as waiting_qty,
        ledger.ordered_qty,
        ledger.channel_ordered_qty,
        ledger.in_transit_qty,
        ledger.unbilled_qty,
        coalesce(ledger.unit_price, 0) as unit_price,
        coalesce(ledger.currency, 'XXX') as currency
    from rec_quantity_ledger as ledger
    inner join rec_line_states as states
        on ledger.order_id = states.order_id and ledger.line_no = states.line_no
    where
        states.order_state = 'RECEIVED'
        or ledger.open_qty + ledger.backordered_qty + ledger.allocated_unreleased_qty + ledger.released_unpicked_qty
        + ledger.picked_unshipped_qty + ledger.in_transit_qty + ledger.unbilled_qty > 0
),

placed as (
    select
        order_id,
        line_no,
        node,
        case
            when order_state = 'RECEIVED' then 1
            when waiting_qty > 0 and hold_state = 'HELD' and line_state in ('OPEN', 'BACKORDERED', 'ALLOCATED') then 3
            when waiting_qty > 0 and line_state in ('OPEN', 'BACKORDERED') then 2
            when waiting_qty > 0 and line_state = 'ALLOCATED' then 4
            when waiting_qty > 0 and line_state = 'RELEASED' then 5
            when waiting_qty > 0 then 6
            when in_transit_qty > 0 then 7
            else 8
        end as stage_no,
        case
            when order_state = 'RECEIVED' then coalesce(channel_ordered_qty, ordered_qty)
            when waiting_qty > 0 then waiting_qty
            when in_transit_qty > 0 then in_transit_qty
            else unbilled_qty
        end as open_qty,
        unit_price,
        currency
    from lines
),

stages as (
    select
        order_id,
        line_no,
        node,
        stage_no,
        min(stage_no) over (partition by order_id) as order_stage_no,
        open_qty,
        cast(open_qty * unit_price as decimal(18, 2)) as open_amount,
        currency
    from placed
),

trust as (
    select min(as_of) as watermark_at
    from rec_feeds
    where
        (role = 'erp' and contract in ('orders', 'order_lines'))
        or (role = 'wms' and contract in ('releases', 'shipment_lines'))
        or (role = 'carrier' and contract = 'delivery_lines')
        or (role = 'finance' and contract = 'invoice_lines')
),

names as (
    select stage_no, stage, team
    from (
        values
        (1, 'RECEIVED', 'Order Desk'),
        (2, 'VALIDATED', 'Allocation'),
        (3, 'CREDIT', 'Credit'),
        (4, 'ALLOCATED', 'Allocation'),
        (5, 'RELEASED', 'Site'),
        (6, 'PICKED', 'Site'),
        (7, 'SHIPPED', 'Transport'),
        (8, 'DELIVERED', 'Billing')
    ) as listed (stage_no, stage, team)
)

select
    stages.order_id,
    stages.line_no,
    stages.node,
    names.stage,
    order_names.stage as order_stage,
    coalesce(line_differences.owner, names.team) as owner,
    coalesce(line_differences.code, '') as code,
    line_differences.code is not null
    or (stages.stage_no < 8 and coalesce(promises.promised_at < $now_at, false)) as is_stalled,
    verdicts.verdict,
    arrivals.customer_id,
    arrivals.ordered_at as received_at,
    promises.promised_at as due_at,
    case
        -- Delivered: what is left to do is the invoice, which no promise speaks of.
        when stages.stage_no = 8 then 'DELIVERED'
        when promises.promised_at is null then 'NO_PROMISE'
        when promises.promised_at >= $now_at then 'NOT_DUE'
        when epoch($now_at) - epoch(promises.promised_at) < 2 * 86400 then 'DAYS_0_1'
        when epoch($now_at) - epoch(promises.promised_at) < 4 * 86400 then 'DAYS_2_3'
        when epoch($now_at) - epoch(promises.promised_at) < 8 * 86400 then 'DAYS_4_7'
        when epoch($now_at) - epoch(promises.promised_at) < 15 * 86400 then 'DAYS_8_14'
        else 'DAYS_15_UP'
    end as age_bucket,
    cast(stages.open_qty as decimal(18, 4)) as open_qty,
    stages.open_amount,
    stages.currency,
    trust.watermark_at
from stages
inner join names on stages.stage_no = names.stage_no
inner join names as order_names on stages.order_stage_no = order_names.stage_no
inner join rec_line_verdicts as verdicts
    on stages.order_id = verdicts.order_id and stages.line_no = verdicts.line_no
cross join trust
left join promises on stages.order_id = promises.order_id and stages.line_no = promises.line_no
left join arrivals on stages.order_id = arrivals.order_id
left join line_differences
    on stages.order_id = line_differences.order_id and stages.line_no = line_differences.line_no
