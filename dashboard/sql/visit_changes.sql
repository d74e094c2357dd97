-- Changes of visits of some hours, each since a version of it, in their order: of all changes, if that one was not noted.
select
    (extract(epoch from hour) * 1000)::bigint,
    changes.version_before,
    changes.version,
    changes.started_at
from unnest(%(hours)s::timestamptz[], %(versions)s::bigint[]) as known (hour, version)
join visit_changes as changes using (hour)
where changes.id > coalesce(
    (select before.id from visit_changes as before where (before.hour, before.version) = (known.hour, known.version)), 0
)
order by changes.id
