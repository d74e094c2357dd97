-- name: recount
-- One statement, so one snapshot: what has landed and is not derived yet is in the queue.
with queued as materialized (
    select unnest(event_ids || removed_ids) as id from visit_queue
), rows as materialized (
    select
        event_id, coalesce(visitor_key, user_key, session_key) as browser, occurred_at, user_key, visitor_key
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
    select
        event.*, part.person, part.is_user, part.run_started_at, part.is_shared, part.event_ids
    from rows as event
    left join visit_parts as part
        on part.browser = event.browser and part.run_started_at <= occurred_at and part.run_ended_at >= occurred_at
            and occurred_at between part.started_at and part.ended_at and event_id = any(part.event_ids)
), persons as materialized (
    select distinct person from placed where person is not null
), first_links as materialized (
    select distinct on (visitor_key) visitor_key as browser, user_key as first_user, first_at
    from identities where visitor_key in (select browser from rows)
    order by visitor_key, first_at, user_key
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
    -- Whoever signs in is the person. Where nobody does it is the browser, or who signs in there first, later.
    (
        select count(*)
        from placed
        left join first_links using (browser)
        where person is not null and case
            when user_key is not null then person <> user_key
            when not is_user then person <> browser or run_started_at < first_at
            else person = browser and visitor_key is not null
        end
    ),
    (
        select count(*)
        from (select visitor_key, user_key, min(occurred_at) as first_at from rows group by 1, 2) as link
        where visitor_key <> user_key and not exists (
            select from identities as known
            where known.visitor_key = link.visitor_key and known.user_key = link.user_key
                and known.first_at <= link.first_at
        )
    ),
    (
        select count(*)
        from persons
        where (
            select (coalesce(sum(events), 0), coalesce(sum(views), 0))
            from stored_visits as visit where visit.person = persons.person
        ) is distinct from (
            select (
                sum(cardinality(event_ids)),
                sum(cardinality(array_positions(types, (select id from event_types where name = 'page_view'))))
            )
            from visit_parts as part where part.person = persons.person
        )
    )

-- name: hour_that_differed
-- An hour that differed is looked at until it does not any more.
select hour from visit_recounts
where misplaced + without_row + of_others + links + persons > 0 and hour >= %(since)s
order by counted_at limit 1

-- name: store
insert into visit_recounts (hour, rows, misplaced, without_row, of_others, links, persons)
values (%(hour)s, %(rows)s, %(misplaced)s, %(without_row)s, %(of_others)s, %(links)s, %(persons)s)
on conflict (hour) do update set (counted_at, rows, misplaced, without_row, of_others, links, persons)
    = (now(), excluded.rows, excluded.misplaced, excluded.without_row, excluded.of_others, excluded.links, excluded.persons)

-- name: forget_old
delete from visit_recounts where counted_at < now() - interval '30 days'

-- name: stored
select hour, rows, misplaced, without_row, of_others, links, persons from visit_recounts order by hour
