-- rule: INT-04
-- name: ORDER_DRIFT
-- title: The ERP's order says something else than the customer's
-- grain: order, or order line
-- scope: order
-- severity: S2
-- owner: Order Desk
-- feeds: channel.orders, channel.order_lines, erp.orders, erp.order_lines
-- also: erp.contract_prices, erp.releases
-- tolerance: int_04_grace_minutes, int_04_grace_edi_minutes, int_04_price_percent, int_04_requested_hours
-- correction: order.amend -> erp
-- class: P
-- explains: ordered
-- source: domain book 2.7; X12 668
-- Where the ERP has not taken a newer revision over, that is the difference; its lines are not compared one by one. How
-- old a revision is, no system says: it counts from the reading that first showed it. What one side does not say is no
-- difference. Only the customer's newer word on what costs nothing, of an order that is not released, is taken over
-- without a person.
with

channel_orders as (
    select
        system,
        order_id,
        customer_id,
        ship_to_id,
        payment_terms,
        requested_at,
        coalesce(revision_no, 0) as revision_no,
        as_of,
        snapshot_id
    from canon_orders
    where role = 'channel' and status <> 'CANCELLED'
),

order_pairs as (
    select
        booked.order_id,
        booked.channel_order_id,
        booked.customer_id,
        booked.ordered_at,
        booked.ship_to_id,
        booked.payment_terms,
        booked.requested_at,
        coalesce(booked.revision_no, 0) as revision_no,
        booked.snapshot_id,
        placed.system as placed_system,
        placed.customer_id as placed_customer_id,
        placed.ship_to_id as placed_ship_to_id,
        placed.payment_terms as placed_payment_terms,
        placed.requested_at as placed_requested_at,
        placed.revision_no as placed_revision_no,
        placed.snapshot_id as placed_snapshot_id,
        placed.revision_no > coalesce(booked.revision_no, 0) as is_outdated,
        placed.revision_no = coalesce(booked.revision_no, 0) as is_current,
        case
            when placed.revision_no > coalesce(booked.revision_no, 0) then placed.as_of
            when placed.revision_no < coalesce(booked.revision_no, 0) then booked.as_of
            else booked.ordered_at
        end as condition_since,
        case
            when booked.channel = 'EDI' then $int_04_grace_edi_minutes
            else $int_04_grace_minutes
        end as grace_minutes
    from canon_orders as booked
    inner join channel_orders as placed on booked.channel_order_id = placed.order_id
    where booked.role = 'erp' and booked.status <> 'CANCELLED'
),

drifted_orders as (
    select
        order_id,
        channel_order_id,
        snapshot_id,
        placed_snapshot_id,
        is_outdated,
        condition_since,
        grace_minutes,
        revision_no,
        placed_revision_no,
        placed_ship_to_id,
        placed_payment_terms,
        placed_requested_at,
        customer_id <> placed_customer_id as has_customer,
        ship_to_id <> placed_ship_to_id as has_ship_to,
        payment_terms <> placed_payment_terms as has_terms,
        abs(epoch(requested_at) - epoch(placed_requested_at)) > $int_04_requested_hours * 3600 as has_requested,
        concat_ws(
            ', ',
            case when is_outdated then 'revision ' || placed_revision_no end,
            case when customer_id <> placed_customer_id then 'sold-to ' || placed_customer_id end,
            case when ship_to_id <> placed_ship_to_id then 'ship-to ' || placed_ship_to_id end,
            case when payment_terms <> placed_payment_terms then 'terms ' || placed_payment_terms end,
            case
                when abs(epoch(requested_at) - epoch(placed_requested_at)) > $int_04_requested_hours * 3600
                    then 'requested ' || strftime(placed_requested_at, '%Y-%m-%d')
            end
        ) as placed_words,
        concat_ws(
            ', ',
            case when is_outdated then 'revision ' || revision_no end,
            case when customer_id <> placed_customer_id then 'sold-to ' || customer_id end,
            case when ship_to_id <> placed_ship_to_id then 'ship-to ' || ship_to_id end,
            case when payment_terms <> placed_payment_terms then 'terms ' || payment_terms end,
            case
                when abs(epoch(requested_at) - epoch(placed_requested_at)) > $int_04_requested_hours * 3600
                    then 'requested ' || strftime(requested_at, '%Y-%m-%d')
            end
        ) as booked_words
    from order_pairs
    where
        is_outdated
        or customer_id <> placed_customer_id
        or ship_to_id <> placed_ship_to_id
        or payment_terms <> placed_payment_terms
        or abs(epoch(requested_at) - epoch(placed_requested_at)) > $int_04_requested_hours * 3600
),

current_pairs as (
    select order_id, channel_order_id, placed_system, customer_id, ordered_at, condition_since, grace_minutes
    from order_pairs
    where is_current
),

booked_lines as (
    select
        pairs.order_id,
        lines.line_no,
        lines.sku,
        lines.substitute_sku,
        lines.ordered_qty,
        lines.ordered_qty - lines.cancelled_qty as open_qty,
        lines.unit_price,
        lines.currency,
        pairs.customer_id,
        pairs.ordered_at,
        lines.snapshot_id
    from canon_order_lines as lines
    inner join current_pairs as pairs on lines.order_id = pairs.order_id
    where lines.role = 'erp'
),

placed_lines as (
    select
        pairs.order_id,
        lines.line_no,
        lines.sku,
        lines.substitute_sku,
        lines.ordered_qty,
        lines.ordered_qty - lines.cancelled_qty as open_qty,
        lines.unit_price,
        lines.currency,
        lines.snapshot_id
    from canon_order_lines as lines
    inner join current_pairs as pairs
        on lines.system = pairs.placed_system and lines.order_id = pairs.channel_order_id
    where lines.role = 'channel'
),

agreed_prices as (
    select
        booked_lines.order_id,
        booked_lines.line_no,
        max_by(prices.unit_price, {'valid_from_at': prices.valid_from_at, 'system': prices.system}) as unit_price
    from booked_lines
    inner join canon_contract_prices as prices
        on booked_lines.customer_id = prices.customer_id
        and booked_lines.sku = prices.sku
        and booked_lines.currency = prices.currency
    where
        prices.role = 'erp'
        and booked_lines.ordered_at >= prices.valid_from_at
        and (prices.valid_until_at is null or booked_lines.ordered_at < prices.valid_until_at)
    group by booked_lines.order_id, booked_lines.line_no
),

line_pairs as (
    select
        coalesce(booked.order_id, placed.order_id) as order_id,
        coalesce(booked.line_no, placed.line_no) as line_no,
        booked.sku,
        placed.sku as placed_sku,
        coalesce(booked.ordered_qty, 0) as ordered_qty,
        coalesce(placed.ordered_qty, 0) as placed_qty,
        booked.unit_price,
        coalesce(agreed.unit_price, placed.unit_price) as agreed_price,
        coalesce(booked.currency, placed.currency) as currency,
        booked.snapshot_id,
        placed.snapshot_id as placed_snapshot_id,
        coalesce(booked.ordered_qty, 0) <> coalesce(placed.ordered_qty, 0)
        and coalesce(booked.open_qty, 0) <> coalesce(placed.open_qty, 0) as has_qty,
        coalesce(
            booked.sku <> placed.sku
            and booked.sku <> coalesce(placed.substitute_sku, '')
            and coalesce(booked.substitute_sku, '') <> placed.sku,
            false
        ) as has_item
    from booked_lines as booked
    full outer join placed_lines as placed
        on booked.order_id = placed.order_id and booked.line_no = placed.line_no
    left join agreed_prices as agreed
        on booked.order_id = agreed.order_id and booked.line_no = agreed.line_no
),

judged_lines as (
    select
        order_id,
        line_no,
        sku,
        placed_sku,
        ordered_qty,
        placed_qty,
        unit_price,
        agreed_price,
        currency,
        snapshot_id,
        placed_snapshot_id,
        has_qty,
        has_item,
        coalesce(abs(unit_price - agreed_price) * 100 > agreed_price * $int_04_price_percent, false)
        and not has_item as has_price
    from line_pairs
),

drifted_lines as (
    select
        order_id,
        line_no,
        concat_ws(
            ', ',
            case when has_qty then cast(cast(placed_qty as decimal(18, 4)) as varchar) end,
            case when has_item then placed_sku end,
            case when has_price then 'price ' || agreed_price end
        ) as placed_words,
        concat_ws(
            ', ',
            case when has_qty then cast(cast(ordered_qty as decimal(18, 4)) as varchar) end,
            case when has_item then sku end,
            case when has_price then 'price ' || unit_price end
        ) as booked_words,
        cast(placed_qty - ordered_qty as decimal(18, 4)) as delta_qty,
        cast(
            case
                when has_price then abs(unit_price - agreed_price) * greatest(ordered_qty, placed_qty)
                when has_item then coalesce(unit_price, agreed_price) * greatest(ordered_qty, placed_qty)
                else coalesce(unit_price, agreed_price, 0) * abs(placed_qty - ordered_qty)
            end as decimal(18, 2)
        ) as value_at_risk_amount,
        currency,
        placed_sku,
        placed_qty,
        ordered_qty,
        agreed_price,
        snapshot_id,
        placed_snapshot_id,
        has_item,
        has_price
    from judged_lines
    where has_qty or has_item or has_price
),

order_amounts as (
    select
        lines.order_id,
        sum((lines.ordered_qty - lines.cancelled_qty) * lines.unit_price) as order_amount,
        max(lines.currency) as currency
    from canon_order_lines as lines
    semi join drifted_orders on lines.order_id = drifted_orders.order_id
    where lines.role = 'erp'
    group by lines.order_id
),

released_orders as (
    select distinct releases.order_id
    from canon_releases as releases
    semi join drifted_orders on releases.order_id = drifted_orders.order_id
),

drifts as (
    select
        drifted_orders.order_id as business_key,
        drifted_orders.condition_since,
        drifted_orders.grace_minutes,
        drifted_orders.order_id,
        cast(null as bigint) as line_no,
        drifted_orders.placed_words,
        drifted_orders.booked_words,
        cast(null as decimal(18, 4)) as delta_qty,
        cast(coalesce(order_amounts.order_amount, 0) as decimal(18, 2)) as value_at_risk_amount,
        coalesce(order_amounts.currency, 'XXX') as currency,
        to_json({
            'order_id': drifted_orders.order_id,
            'line_no': cast(null as bigint),
            'channel_order_id': drifted_orders.channel_order_id,
            'revision_no': drifted_orders.placed_revision_no,
            'ship_to_id': drifted_orders.placed_ship_to_id,
            'payment_terms': drifted_orders.placed_payment_terms,
            'requested_at': strftime(drifted_orders.placed_requested_at, '%Y-%m-%dT%H:%M:%SZ')
        }) as payload,
        to_json({'revision_no': drifted_orders.revision_no}) as precondition,
        case
            when drifted_orders.has_customer or drifted_orders.has_ship_to or drifted_orders.has_terms
                then 'sold-to, ship-to and terms are commercial'
            when not drifted_orders.is_outdated then 'neither side has recorded a newer revision'
            when released_orders.order_id is not null then 'the order is released'
            else ''
        end as judgement_reason,
        drifted_orders.snapshot_id,
        drifted_orders.placed_snapshot_id
    from drifted_orders
    left join order_amounts on drifted_orders.order_id = order_amounts.order_id
    left join released_orders on drifted_orders.order_id = released_orders.order_id
    union all
    select
        drifted_lines.order_id || '/' || drifted_lines.line_no as business_key,
        current_pairs.condition_since,
        current_pairs.grace_minutes,
        drifted_lines.order_id,
        drifted_lines.line_no,
        drifted_lines.placed_words,
        drifted_lines.booked_words,
        drifted_lines.delta_qty,
        drifted_lines.value_at_risk_amount,
        drifted_lines.currency,
        to_json({
            'order_id': drifted_lines.order_id,
            'line_no': drifted_lines.line_no,
            'sku': drifted_lines.placed_sku,
            'ordered_qty': cast(cast(drifted_lines.placed_qty as decimal(18, 4)) as varchar),
            'unit_price': cast(drifted_lines.agreed_price as varchar)
        }) as payload,
        to_json({'ordered_qty': cast(cast(drifted_lines.ordered_qty as decimal(18, 4)) as varchar)}) as precondition,
        case
            when drifted_lines.has_price then 'prices are judgements'
            when drifted_lines.has_item then 'the customer ordered another item'
            when drifted_lines.delta_qty > 0 then 'more was ordered than is booked'
            else 'neither side has recorded a newer revision'
        end as judgement_reason,
        drifted_lines.snapshot_id,
        drifted_lines.placed_snapshot_id
    from drifted_lines
    inner join current_pairs on drifted_lines.order_id = current_pairs.order_id
)

select
    business_key,
    '' as node,
    order_id as scope_key,
    order_id,
    line_no,
    placed_words as expected_value,
    booked_words as actual_value,
    delta_qty,
    value_at_risk_amount,
    currency,
    condition_since,
    to_timestamp(epoch(condition_since) + grace_minutes * 60) as breaks_at,
    'order.amend' as message,
    'erp' as target_role,
    payload,
    precondition,
    judgement_reason,
    to_json({'placed': placed_snapshot_id, 'booked': snapshot_id}) as evidence
from drifts
