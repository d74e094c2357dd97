select day, site, route, count(*) as views, count(distinct visit_key) as visits
from {{ ref("page_views") }}
group by 1, 2, 3
