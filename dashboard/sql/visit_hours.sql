-- A number for each hour in which visits began, in ms since 1970: another one whenever one of them changed.
select (extract(epoch from hour) * 1000)::bigint, version
from visit_hours
where hour >= %(since)s and hour < %(until)s
order by hour
