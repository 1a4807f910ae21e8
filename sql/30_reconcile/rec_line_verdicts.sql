-- grain: one row per order line of rec_quantity_ledger
-- DIFFER before UNKNOWN before TIMING before AGREE: a break that is known stays visible when another input is stale.
-- scope: order
with

-- What is said of a partner's number is said of every line that waits for its mapping.
order_findings as (
    select order_id, line_no, code, verdict
    from rec_findings
    where order_id <> ''
    union all
    select rec_order_intake.order_id, rec_order_intake.line_no, rec_findings.code, rec_findings.verdict
    from rec_order_intake
    inner join rec_findings
        on rec_findings.code = 'INT-05' and rec_order_intake.reference_key = rec_findings.business_key
    where rec_order_intake.reference_key <> ''
),

line_findings as (
    select
        ledger.order_id,
        ledger.line_no,
        count(*) filter (where findings.verdict = 'DIFFER') as differ_count,
        count(*) filter (where findings.verdict = 'UNKNOWN') as unknown_count,
        count(*) filter (where findings.verdict = 'TIMING') as timing_count,
        string_agg(distinct findings.code, ', ' order by findings.code) as codes
    from rec_quantity_ledger as ledger
    inner join order_findings as findings
        on ledger.order_id = findings.order_id
        and (findings.line_no is null or ledger.line_no = findings.line_no)
    group by ledger.order_id, ledger.line_no
),

untrusted_nodes as (
    select distinct node
    from rec_feeds
    where state <> 'OK'
        and contract in (
            'orders', 'order_lines', 'holds', 'releases', 'packs', 'shipment_lines', 'delivery_lines', 'returns',
            'invoice_lines', 'charges', 'milestones'
        )
),

quarantined_orders as (
    select distinct order_id
    from ops_open_quarantine
    where order_id is not null
)

select
    ledger.order_id,
    ledger.line_no,
    ledger.node,
    case
        when line_findings.differ_count > 0 then 'DIFFER'
        when
            line_findings.unknown_count > 0
            or untrusted_nodes.node is not null
            or quarantined_orders.order_id is not null
            then 'UNKNOWN'
        when line_findings.timing_count > 0 then 'TIMING'
        else 'AGREE'
    end as verdict,
    coalesce(line_findings.codes, '') as codes
from rec_quantity_ledger as ledger
left join line_findings on ledger.order_id = line_findings.order_id and ledger.line_no = line_findings.line_no
left join (
    select distinct ledger_nodes.node
    from (select distinct node from rec_quantity_ledger) as ledger_nodes
    inner join untrusted_nodes on untrusted_nodes.node = '' or untrusted_nodes.node = ledger_nodes.node
) as untrusted_nodes on ledger.node = untrusted_nodes.node
left join quarantined_orders on ledger.order_id = quarantined_orders.order_id
