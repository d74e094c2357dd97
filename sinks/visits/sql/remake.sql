-- name: create_tables
create temp table if not exists visit_touched (
    browser bytea primary key, low timestamptz, high timestamptz
) on commit delete rows;
create temp table if not exists visit_runs (like visit_input, run bigint) on commit delete rows;
create temp table if not exists visit_owners (
    run bigint, browser bytea, started_at timestamptz, ended_at timestamptz,
    person bytea, is_user boolean, is_shared boolean
) on commit delete rows;
create temp table if not exists visit_persons (person bytea, low timestamptz, high timestamptz) on commit delete rows;
create temp table if not exists visits_before (like stored_visits) on commit delete rows;
create temp table if not exists visits_after (like stored_visits) on commit delete rows;

-- name: leave_out_old
delete from visit_input where at < %(oldest)s

-- name: leave_out_flooded
delete from visit_input as event
using visit_floods as flood
where flood.browser = event.browser and flood.day = (event.at at time zone 'UTC')::date

-- name: touch
-- The browsers whose runs have to be made again, and around when.
insert into visit_touched
select browser, min(at) - %(gap)s, max(at) + %(gap)s
from visit_input
where browser not in (select browser from visit_newest)
group by browser

-- name: touch_removed
-- After a removal all of a browser: what it was the first link of may be long ago.
insert into visit_touched
select distinct browser, timestamptz '-infinity', timestamptz 'infinity'
from visit_taken cross join lateral unnest(removed_from) as browser
on conflict (browser) do update set low = excluded.low, high = excluded.high

-- name: link
-- Notes which visitors are which users. Where the first link of a visitor changes, so does whose its earlier visits are.
with found as (
    select browser, user_key, min(at) as first_at
    from visit_input join visit_touched using (browser)
    where user_key <> browser
    group by 1, 2
), before as (
    select distinct on (visitor_key) visitor_key, user_key, first_at
    from identities where visitor_key in (select browser from found)
    order by visitor_key, first_at, user_key
), linked as (
    insert into identities (visitor_key, user_key, first_at)
    select browser, user_key, first_at from found
    on conflict (visitor_key, user_key) do update set first_at = excluded.first_at, is_published = false
    where identities.first_at > excluded.first_at
    returning visitor_key, user_key, first_at
), first_now as (
    select distinct on (visitor_key) visitor_key, user_key, first_at
    from (select * from linked union all select * from before) as link
    order by visitor_key, first_at, user_key
)
insert into visit_touched
select visitor_key, timestamptz '-infinity', greatest(now_.first_at, before.first_at)
from first_now as now_
left join before using (visitor_key)
where (now_.user_key, now_.first_at) is distinct from (before.user_key, before.first_at)
on conflict (browser) do update
set low = excluded.low, high = greatest(visit_touched.high, excluded.high)

-- name: take_parts
-- Takes back the events of all runs that are touched.
with touched as materialized (
    select browser, low, high, coalesce((
        select max(run_started_at) from visit_parts as part
        where part.browser = touched.browser and run_started_at <= low
    ), low) as first
    from visit_touched as touched
), taken as (
    delete from visit_parts as part using touched
    where part.browser = touched.browser and run_started_at between first and high and run_ended_at >= low
    returning part.*
), noted as (
    insert into visit_persons select person, min(started_at), max(ended_at) from taken group by 1
)
insert into visit_input
select
    browser, id, at, type, page, route, case when coalesce(signed_in, then_signed_in) then person end,
    coalesce(context, then_context), arrival
from (
    select
        browser, person,
        unnest(event_ids) as id, unnest(times) as at, unnest(types) as type, unnest(pages) as page,
        unnest(routes) as route,
        unnest(signed_in) as signed_in, unnest(contexts) as context, unnest(arrivals) as arrival,
        signed_in[cardinality(signed_in)] as then_signed_in, contexts[cardinality(contexts)] as then_context
    from taken
) as event

-- name: leave_out_removed
delete from visit_input where id in (select unnest(removed_ids) from visit_taken)

-- name: forget_links
-- The links of browsers of which events were removed, as far as no event tells of them any more. Those that are older
-- than all events stay as they are.
with browsers as (
    select distinct browser from visit_taken cross join lateral unnest(removed_from) as browser
), left_over as (
    select browser, user_key, min(at) as first_at
    from visit_input
    where browser in (select browser from browsers) and user_key <> browser
    group by 1, 2
), forgotten as (
    delete from identities
    where visitor_key in (select browser from browsers)
        and not exists (
            select from left_over where browser = visitor_key and left_over.user_key = identities.user_key
        )
    returning visitor_key
), later as (
    insert into identities (visitor_key, user_key, first_at)
    select browser, user_key, first_at from left_over
    on conflict (visitor_key, user_key) do update set first_at = excluded.first_at, is_published = false
    where identities.first_at < excluded.first_at and identities.first_at >= %(oldest)s
)
insert into visit_tombstones
select distinct 'identities', encode(visitor_key, 'hex') from forgotten
on conflict do nothing

-- name: find_runs
-- The events on each browser in order, each once, numbered by gaps.
insert into visit_runs
select
    browser, id, at, type, page, route, user_key, context, arrival,
    sum(starts) over (order by browser, at, id rows unbounded preceding)
from (
    select *, case when at - lag(at) over (partition by browser order by at, id) <= %(gap)s then 0 else 1 end as starts
    from (
        select distinct on (browser, at, id) visit_input.*
        from visit_input join visit_touched using (browser)
        order by browser, at, id
    ) as event
) as event

-- name: find_floods
insert into visit_floods
select distinct browser, (at at time zone 'UTC')::date
from visit_runs
group by browser, run, 2
having count(*) > %(max_per_day)s
on conflict do nothing

-- name: forget_runs
truncate visit_runs

-- name: find_owners
-- Whose the events of each run are: the one user's who signed in, or without one the first user's of the browser if that
-- is yet to come, or else the browser's. Runs with several users are shared.
with first_links as (
    select distinct on (visitor_key) visitor_key as browser, user_key as first_user, first_at
    from identities where visitor_key in (select browser from visit_touched)
    order by visitor_key, first_at, user_key
), runs as (
    select
        run, browser, min(at) as started_at, max(at) as ended_at,
        min(user_key::text) as a_user, max(user_key::text) as another
    from visit_runs
    group by run, browser
)
insert into visit_owners
select
    run, browser, started_at, ended_at,
    coalesce(one_user, browser), one_user is not null, a_user <> another is true
from runs
left join first_links using (browser)
cross join lateral (
    select coalesce(decode(substr(a_user, 3), 'hex'), case when started_at < first_at then first_user end) as one_user
) as owner

-- name: are_shared
select exists (select from visit_owners where is_shared)

-- name: make_parts
-- Of runs that are one person's.
with made as (
    insert into visit_parts (
        browser, person, is_user, started_at, ended_at, run_started_at, run_ended_at,
        is_shared, event_ids, times, types, pages, routes, signed_in, contexts, arrivals, outside
    )
    select
        browser, person, is_user, started_at, ended_at, started_at, ended_at,
        false, event_ids, times, types, pages, case when with_route > 0 then routes else '{}' end,
        case when users in (0, cardinality(signed_in)) then signed_in[1:1] else signed_in end,
        case when contexts <@ contexts[1:1] then contexts[1:1] else contexts end,
        case when outside > 0 then arrivals else '{}' end, outside
    from (
        select
            run, array_agg(id) as event_ids, array_agg(at) as times, array_agg(type) as types,
            array_agg(page) as pages, array_agg(route) as routes, count(route) as with_route,
            array_agg(user_key is not null) as signed_in,
            count(user_key) as users, array_agg(context) as contexts, array_agg(arrival) as arrivals,
            count(arrival) as outside
        from (select * from visit_runs order by run, at, id) as event
        group by run
    ) as collected
    join visit_owners using (run)
    where not is_shared
    returning person, started_at, ended_at
)
insert into visit_persons select person, min(started_at), max(ended_at) from made group by 1

-- name: make_shared_parts
-- Of runs with several users. An event without one is of who signs in next, or else of who signed in last. The parts are
-- the events of a person without a gap.
with counted as (
    select
        visit_runs.*,
        started_at as run_started_at,
        ended_at as run_ended_at,
        count(user_key) over (partition by run order by at, id) as before,
        count(user_key) over (partition by run) - count(user_key) over (partition by run order by at, id)
            + (user_key is not null)::integer as after
    from visit_runs
    join visit_owners using (run, browser)
    where is_shared
), neighbours as (
    select
        *,
        case when after > 0 then
            first_value(user_key) over (partition by run, after order by at desc, id desc)
        end as next_user,
        case when before > 0 then
            first_value(user_key) over (partition by run, before order by at, id)
        end as last_user
    from counted
), owned as (
    select *, coalesce(user_key, next_user, last_user) as person from neighbours
), numbered as (
    select *, sum(starts) over (partition by run, person order by at, id) as part
    from (
        select
            *, case when at - lag(at) over (partition by run, person order by at, id) <= %(gap)s then 0 else 1 end
                as starts
        from owned
    ) as event
), made as (
    insert into visit_parts (
        browser, person, is_user, started_at, ended_at, run_started_at, run_ended_at,
        is_shared, event_ids, times, types, pages, routes, signed_in, contexts, arrivals, outside
    )
    select
        browser, person, true, min(at), max(at), min(run_started_at), max(run_ended_at),
        true, array_agg(id), array_agg(at), array_agg(type), array_agg(page), array_agg(route),
        array_agg(user_key is not null),
        array_agg(context), array_agg(arrival), count(arrival)
    from (select * from numbered order by run, person, part, at, id) as event
    group by run, browser, person, part
    returning person, started_at, ended_at
)
insert into visit_persons select person, min(started_at), max(ended_at) from made group by 1

-- name: find_visits
-- The visits of these persons as they were: all that are without a gap to what changed. Chains do not overlap, so of those
-- that began before, the last is the only one to look at.
with changed as materialized (
    select person, low, high, coalesce((
        select max(chain_started_at) from stored_visits as visit
        where visit.person = changed.person and chain_started_at <= low
    ), low) as first
    from (
        select person, min(low) - %(gap)s as low, max(high) + %(gap)s as high from visit_persons group by 1
    ) as changed
)
insert into visits_before
select visit.*
from changed
join stored_visits as visit
    on visit.person = changed.person and chain_started_at between first and high and chain_ended_at >= low

-- name: make_visits
-- The visits of these persons as they are now. Most chains of parts without a gap are one part, whose arrival, if any, is
-- its first event: a visit. Of others the events are looked at: an arrival from outside begins another
-- visit if the one before, in the same chain, was from elsewhere, or if pages were viewed before it.
with changed as (
    select person, min(low) as low, max(high) as high
    from (
        select person, low, high from visit_persons
        union all
        select person, chain_started_at, chain_ended_at from visits_before
    ) as touched
    group by person
), parts as (
    select part.*
    from changed
    -- Every part of a chain begins in it.
    join visit_parts as part on part.person = changed.person and started_at between low and high
), chained as materialized (
    select *, count(*) over (partition by person, chain) as parts
    from (
        select *, sum(breaks) over (partition by person order by started_at, ended_at rows unbounded preceding) as chain
        from (
            select
                *,
                case when started_at - max(ended_at) over (
                    partition by person order by started_at, ended_at rows between unbounded preceding and 1 preceding
                ) <= %(gap)s then 0 else 1 end as breaks
            from parts
        ) as part
    ) as part
), simple as (
    select * from chained
    where parts = 1 and (outside = 0 or outside = 1 and (arrivals[1]).channel is not null)
), events as materialized (
    select person, is_user, chain, id, at, type, page, route, coalesce(context, then_context) as context, arrival,
        (arrival).channel is not null as is_outside
    from (
        select
            person, is_user, chain,
            unnest(event_ids) as id, unnest(times) as at, unnest(types) as type, unnest(pages) as page,
        unnest(routes) as route,
            unnest(contexts) as context, unnest(arrivals) as arrival,
            contexts[cardinality(contexts)] as then_context
        from chained
        where (parts = 1 and (outside = 0 or outside = 1 and (arrivals[1]).channel is not null)) is not true
    ) as event
), viewed as (
    select
        *,
        count(*) filter (where type = %(view)s) over (
            partition by person, chain order by at, id rows between unbounded preceding and 1 preceding
        ) as views_before,
        min(at) over (partition by person, chain) as chain_started_at,
        max(at) over (partition by person, chain) as chain_ended_at
    from events
), arrivals as (
    select
        person, id, views_before,
        origin, lag(origin) over (partition by person, chain order by at, id) as origin_before
    from viewed
    cross join lateral (
        select jsonb_build_array(
            (arrival).source, (arrival).utm_source, (arrival).utm_medium, (arrival).utm_campaign
        ) as origin
    ) as arrival_from
    where is_outside
), starts as (
    select person, id, true as starts
    from arrivals
    where case when origin_before is null then views_before > 0 else origin <> origin_before end
), numbered as (
    select
        viewed.*, count(starts) over (partition by person, chain order by at, viewed.id) as visit
    from viewed
    left join starts using (person, id)
)
insert into visits_after
select
    event_ids[1], person, is_user, started_at, ended_at, started_at, ended_at,
    cardinality(array_positions(types, %(view)s)), cardinality(types),
    (select count(*) from unnest(types) as type where type <> all(%(quiet)s::smallint[])),
    array_remove(pages, null),
    array(
        select coalesce(route, page) from unnest(pages, routes) with ordinality as view (page, route, place)
        where cardinality(routes) > 0 and coalesce(route, page) is not null
        order by place
    ),
    array(select distinct unnest(types) order by 1),
    contexts[least(coalesce(array_position(types, %(view)s), 1), cardinality(contexts))],
    case when outside = 1 then arrivals[1] end,
    false
from simple
union all
select
    (array_agg(id))[1], person, bool_or(is_user), min(at), max(at), min(chain_started_at), max(chain_ended_at),
    count(*) filter (where type = %(view)s), count(*), count(*) filter (where type <> all(%(quiet)s::smallint[])),
    array_remove(array_agg(page), null),
    case when count(route) > 0
        then array_agg(coalesce(route, page)) filter (where coalesce(route, page) is not null) else '{}'
    end,
    array(select distinct unnest(array_agg(type)) order by 1),
    coalesce((array_agg(context) filter (where type = %(view)s))[1], (array_agg(context))[1]),
    (array_agg(arrival) filter (where is_outside))[1],
    false
from (select * from numbered order by person, chain, visit, at, id) as event
group by person, chain, visit

-- name: replace_visits
-- Visits that did not change stay, so that they are not published again.
with changed as (
    select visit_id, {columns} from visits_after
    except
    select visit_id, {columns} from visits_before
), gone as (
    delete from stored_visits
    using visits_before as before
    where stored_visits.visit_id = before.visit_id
        and not exists (select from visits_after as after where after.visit_id = before.visit_id)
    returning stored_visits.visit_id, stored_visits.is_published
), forgotten as (
    insert into visit_tombstones
    select 'visits', 'evt_' || replace(visit_id::text, '-', '') from gone where is_published
    on conflict do nothing
)
insert into stored_visits (visit_id, {columns}, is_published)
select visit_id, {columns}, false from changed
on conflict (visit_id) do update set ({columns}, is_published) = ({excluded}, false)
