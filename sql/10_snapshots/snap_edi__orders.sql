-- snapshot: edi/orders
-- grain: one row per purchase order (850) or change of one (860); all of an order say how the order stands now
-- An order is the newest 850 with the changes of its 860s. Every document of it maps to the same row, so that a file
-- that is sent again changes nothing.
with

placed as (
    select
        sender_id,
        po_number,
        max(sent_date || sent_time) as sent,
        max_by(order_type, sent_date || sent_time) as order_type,
        max_by(currency, sent_date || sent_time) as currency,
        max_by(payment_terms, sent_date || sent_time) as payment_terms,
        max_by(buyer_id, sent_date || sent_time) as buyer_id,
        max_by(ship_to_id, sent_date || sent_time) as ship_to_id,
        max_by(ordered_date || rpad(coalesce(ordered_time, ''), 6, '0'), sent_date || sent_time) as ordered,
        max_by(requested_date || rpad(coalesce(requested_time, ''), 6, '0'), sent_date || sent_time) as requested
    from landed
    where document_type = '850'
    group by sender_id, po_number
),

changed as (
    select
        sender_id,
        po_number,
        max(try_cast(revision_no as bigint)) as revision_no,
        max(change_purpose) filter (where change_purpose = '01') as cancelled,
        max_by(requested_date || rpad(coalesce(requested_time, ''), 6, '0'), sent_date || sent_time)
            filter (where requested_date is not null) as requested
    from landed
    where document_type = '860'
    group by sender_id, po_number
)

select
    landed.landed_row_no,
    landed.sender_id || '-' || landed.po_number as order_id,
    'EDI' as channel,
    landed.sender_id || '-' || landed.po_number as channel_order_id,
    placed.buyer_id as customer_id,
    landed.po_number as customer_po,
    placed.ship_to_id,
    placed.payment_terms,
    case when placed.order_type = 'RO' then 'PRIORITY' else 'STANDARD' end as priority,
    coalesce(changed.revision_no, 0) as revision_no,
    case when changed.cancelled is null then 'OPEN' else 'CANCELLED' end as status,
    placed.currency,
    regexp_replace(placed.ordered, '^(....)(..)(..)(..)(..)(..)$', '\1-\2-\3T\4:\5:\6Z') as ordered_at,
    regexp_replace(
        coalesce(changed.requested, placed.requested), '^(....)(..)(..)(..)(..)(..)$', '\1-\2-\3T\4:\5:\6Z'
    ) as requested_at
from landed
left join placed on landed.sender_id = placed.sender_id and landed.po_number = placed.po_number
left join changed on landed.sender_id = changed.sender_id and landed.po_number = changed.po_number
