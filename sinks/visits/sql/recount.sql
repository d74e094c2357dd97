-- name: recount
-- One statement, so one snapshot: what has landed and is not derived yet is in the queue.
with queued as materialized (
    select unnest(event_ids || removed_ids) as id from visit_queue
), rows as materialized (
    select event_id, coalesce(visitor_key, user_key, session_key) as browser, occurred_at
    from raw_events as event
    where day_of(event_id) between (%(low)s at time zone 'UTC')::date and (%(high)s at time zone 'UTC')::date
        and event_id >= id_from(%(low)s) and event_id < id_from(%(high)s)
        and occurred_at >= (select oldest from visit_progress)
        and coalesce(visitor_key, user_key, session_key) is not null
        and exists (select from devices where devices.id = event.device and devices.bot = '')
        and not exists (select from queued where queued.id = event.event_id)
        and not exists (
            select from visit_floods as flood
            where flood.browser = coalesce(visitor_key, user_key, session_key)
                and flood.day = (occurred_at at time zone 'UTC')::date
        )
    limit %(limit)s
), placed as materialized (
    select event.event_id, part.person, part.event_ids
    from rows as event
    left join visit_parts as part
        on part.browser = event.browser and part.run_started_at <= occurred_at and part.run_ended_at >= occurred_at
            and occurred_at between part.started_at and part.ended_at and event_id = any(part.event_ids)
), persons as materialized (
    select distinct person from placed where person is not null
)
select
    case
        when not exists (select from visit_queue where first_id is not null or cardinality(removed_from) > 0)
            then (select count(*) from rows)
    end,
    (
        select count(*) from (
            select from placed group by event_id having count(*) <> 1 or bool_or(person is null)
        ) as misplaced
    ),
    (
        select count(*)
        from (
            select distinct id from placed cross join lateral unnest(event_ids) as id
            where id >= id_from(%(low)s) and id < id_from(%(high)s)
        ) as known
        where not exists (
            select from raw_events
            where day_of(event_id) between (%(low)s at time zone 'UTC')::date and (%(high)s at time zone 'UTC')::date
                and event_id = known.id
        )
            and not exists (select from queued where queued.id = known.id)
    ),
    (
        select count(*)
        from persons
        where (select coalesce(sum(events), 0) from stored_visits as visit where visit.person = persons.person)
            is distinct from
            (select sum(cardinality(event_ids)) from visit_parts as part where part.person = persons.person)
    )
