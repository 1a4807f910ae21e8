-- snapshot: edi/documents
-- grain: one row per document, and one per document that a 997 answers; the latter repeat the 997's own row
-- A document that is sent again keeps its numbers: it was sent when it was first sent, and its newest answer counts.
-- A 997 that names no documents answers all of its group.
with

documents as (
    select
        sender_id,
        receiver_id,
        document_type,
        group_no,
        set_no,
        min(sent_date || sent_time) as sent,
        max(po_number) as po_number,
        max(order_no) as order_no,
        max(shipment_no) as shipment_no,
        max(invoice_no) as invoice_no
    from landed
    group by sender_id, receiver_id, document_type, group_no, set_no
),

answers as (
    select
        sender_id,
        receiver_id,
        answered_group,
        answered_type,
        answered_set,
        sent_date || sent_time as sent,
        coalesce(set_answer, group_answer) as answer
    from landed
    where document_type = '997' and (answered_set is null or set_answer is not null)
),

answered as (
    select
        documents.sender_id,
        documents.receiver_id,
        documents.document_type,
        documents.group_no,
        documents.set_no,
        max(answers.sent) as sent,
        max_by(answers.answer, answers.sent) as answer
    from documents
    inner join answers
        on documents.sender_id = answers.receiver_id
        and documents.receiver_id = answers.sender_id
        and documents.group_no = answers.answered_group
        and documents.document_type = coalesce(answers.answered_type, documents.document_type)
        and documents.set_no = coalesce(answers.answered_set, documents.set_no)
    where documents.document_type <> '997'
    group by
        documents.sender_id, documents.receiver_id, documents.document_type, documents.group_no, documents.set_no
)

select
    landed.landed_row_no,
    case when landed.sender_id = 'DISTRIB' then landed.receiver_id || '/OUT/' else landed.sender_id || '/IN/' end
    || landed.document_type || '/' || landed.group_no || '-' || landed.set_no as document_id,
    case when landed.sender_id = 'DISTRIB' then landed.receiver_id else landed.sender_id end as partner_id,
    landed.document_type,
    case when landed.sender_id = 'DISTRIB' then 'OUT' else 'IN' end as direction,
    landed.group_no || '-' || landed.set_no as control_no,
    coalesce(documents.order_no, landed.sender_id || '-' || documents.po_number) as order_id,
    documents.shipment_no as shipment_id,
    documents.invoice_no as invoice_id,
    regexp_replace(documents.sent, '^(....)(..)(..)(..)(..)(..)$', '\1-\2-\3T\4:\5:\6Z') as sent_at,
    regexp_replace(answered.sent, '^(....)(..)(..)(..)(..)(..)$', '\1-\2-\3T\4:\5:\6Z') as acked_at,
    case
        when answered.answer in ('A', 'E') then answered.answer
        when answered.answer = 'P' then 'E'
        when answered.answer is not null then 'R'
    end as ack_status
from landed
left join documents
    on landed.sender_id = documents.sender_id
    and landed.receiver_id = documents.receiver_id
    and landed.document_type = documents.document_type
    and landed.group_no = documents.group_no
    and landed.set_no = documents.set_no
left join answered
    on landed.sender_id = answered.sender_id
    and landed.receiver_id = answered.receiver_id
    and landed.document_type = answered.document_type
    and landed.group_no = answered.group_no
    and landed.set_no = answered.set_no
