-- rule: SYS-04
-- name: ACK_OVERDUE
-- title: A partner has not acknowledged a document, or has refused it
-- grain: document sent to a trading partner
-- scope: feed
-- severity: S3
-- owner: EDI
-- feeds: channel.edi_documents
-- tolerance: sys_04_answer_minutes, sys_04_notice_minutes, sys_04_invoice_minutes
-- correction: edi.resend -> channel
-- class: R
-- source: domain book 2.7; X12 997 AK5
-- A document that was refused would be refused again, and one accepted with errors is with the partner already: what
-- happens then is between people. A ship notice is S2: its goods are on their way.
with

unaccepted as (
    select
        document_id,
        partner_id,
        document_type,
        order_id,
        shipment_id,
        invoice_id,
        sent_at,
        acked_at,
        ack_status,
        system,
        snapshot_id,
        case document_type
            when '855' then $sys_04_answer_minutes
            when '856' then $sys_04_notice_minutes
            else $sys_04_invoice_minutes
        end as grace_minutes
    from canon_edi_documents
    where
        direction = 'OUT'
        and document_type in ('855', '856', '810')
        and (acked_at is null or ack_status in ('E', 'R'))
)

select
    document_id as business_key,
    '' as node,
    document_id as scope_key,
    order_id,
    cast(null as bigint) as line_no,
    'A' as expected_value,
    coalesce(ack_status, 'none') as actual_value,
    cast(null as decimal(18, 4)) as delta_qty,
    cast(0 as decimal(18, 2)) as value_at_risk_amount,
    'XXX' as currency,
    coalesce(acked_at, sent_at) as condition_since,
    case when acked_at is null then to_timestamp(epoch(sent_at) + grace_minutes * 60) else acked_at end as breaks_at,
    'edi.resend' as message,
    'channel' as target_role,
    to_json({'document_id': document_id}) as payload,
    to_json({'ack_status': ack_status}) as precondition,
    case
        when ack_status = 'R' then 'the partner has refused the document'
        when ack_status = 'E' then 'the partner has accepted the document and found errors in it'
        else ''
    end as judgement_reason,
    to_json({
        'system': system,
        'documents': snapshot_id,
        'partner_id': partner_id,
        'document_type': document_type,
        'shipment_id': shipment_id,
        'invoice_id': invoice_id
    }) as evidence,
    case when document_type = '856' then 'S2' else 'S3' end as severity
from unaccepted
