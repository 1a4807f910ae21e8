-- title: One finding per code, business key and node
select code, business_key, node, count(*) as finding_count
from rec_findings
group by code, business_key, node
having count(*) > 1
