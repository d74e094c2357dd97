-- name: create_table
create temp table if not exists visit_newest (
    browser bytea, run_started_at timestamptz, person bytea, is_user boolean, visit_id uuid, ended_at timestamptz,
    event_ids uuid[], times timestamptz[], types smallint[], pages text[], routes text[],
    views integer, interactions integer,
    visit_routes text[], context visit_context, arrival visit_arrival
) on commit delete rows;

-- name: find
-- The browsers whose events are at one place, without a gap, of one person, and after all that is known of browser and
-- person. Either the last run there goes on: it is all of the person's last visit, and nobody arrives. Or, if that is over, a
-- visit begins; `visit_id` is null then.
insert into visit_newest
-- Of a person's browsers one: what is on the others depends on it.
select distinct on (whose.person)
    new.browser, case when goes_on then run_started_at end, whose.person,
    case when goes_on then part.is_user else new.signed_in > 0 end, case when goes_on then visit_id end,
    last_at, new.event_ids, new.times, new.types, new.pages, case when with_route > 0 then new.routes end,
    new.views, new.interactions, case when with_route > 0 or goes_on and cardinality(visit.routes) > 0 then visit_routes end,
    new.context, new.arrival
from (
    select
        browser, min(at) as first_at, max(at) as last_at, count(*) as events,
        array_agg(id) as event_ids, array_agg(at) as times, array_agg(type) as types, array_agg(page) as pages,
        array_agg(route) as routes, count(route) as with_route,
        array_agg(coalesce(route, page)) filter (where coalesce(route, page) is not null) as visit_routes,
        count(*) filter (where type = %(view)s) as views,
        count(*) filter (where type <> all(%(quiet)s::smallint[])) as interactions,
        (array_agg(context))[1] as context, array_agg(context) as contexts,
        array_agg(user_key) as users, count(user_key) as signed_in,
        (array_agg(arrival))[1] as arrival, count(arrival) as arrivals
    from (select distinct on (browser, at, id) * from visit_input order by browser, at, id) as event
    group by browser
) as new
left join lateral (
    select * from visit_parts as part where part.browser = new.browser order by run_started_at desc limit 1
) as part on true
cross join lateral (select part.run_ended_at >= first_at - %(gap)s is true as goes_on) as run
cross join lateral (
    select case when goes_on then part.person else coalesce(users[1], new.browser) end as person
) as whose
left join lateral (
    select * from stored_visits as visit
    where visit.person = whose.person
    order by chain_started_at desc
    limit 1
) as visit on true
where new.events <= %(max_per_day)s
    and case when goes_on then
        first_at > part.ended_at and last_at <= part.ended_at + %(gap)s
        and not is_shared
        and new.arrivals = 0
        and (with_route = 0 or cardinality(part.routes) = cardinality(part.event_ids))
        and new.contexts <@ part.contexts[cardinality(part.contexts):]
        and (new.views = 0 or visit.views > 0 or cardinality(part.contexts) = 1)
        and case when part.signed_in[cardinality(part.signed_in)]
            then users <@ array[whose.person] else new.signed_in = 0
        end
        and visit.events = cardinality(part.event_ids) and visit.events + new.events <= %(max_per_day)s
        and (visit.started_at, visit.ended_at) = (part.started_at, part.ended_at)
        and (chain_started_at, chain_ended_at) = (part.started_at, part.ended_at)
        and not exists (
            select from stored_visits as other
            where other.person = visit.person and other.chain_started_at = visit.chain_started_at
                and other.visit_id <> visit.visit_id
        )
    else
        last_at <= first_at + %(gap)s
        and new.contexts <@ array[new.context]
        and (chain_ended_at < first_at - %(gap)s) is not false
        and (new.arrivals = 0 or new.arrivals = 1 and (new.arrival).channel is not null)
        and case when new.signed_in = 0 then
            not exists (select from identities as link where visitor_key = new.browser and link.first_at > new.first_at)
        else
            users <@ array[whose.person] and (whose.person = new.browser or exists (
                select from identities as link
                where visitor_key = new.browser and user_key = whose.person and link.first_at <= new.first_at
            ))
        end
    end

-- name: add_to_parts
update visit_parts as part
set
    ended_at = new.ended_at, run_ended_at = new.ended_at, event_ids = part.event_ids || new.event_ids,
    times = part.times || new.times, types = part.types || new.types, pages = part.pages || new.pages,
    routes = part.routes || new.routes
from visit_newest as new
where part.browser = new.browser and part.run_started_at = new.run_started_at

-- name: add_to_visits
update stored_visits as visit
set
    ended_at = new.ended_at, chain_ended_at = new.ended_at, events = events + cardinality(new.types),
    views = visit.views + new.views, interactions = visit.interactions + new.interactions,
    pages = visit.pages || array_remove(new.pages, null), routes = visit.routes || new.visit_routes,
    types = case when new.types <@ visit.types then visit.types else
        array(select distinct unnest(visit.types || new.types) order by 1)
    end,
    is_published = false
from visit_newest as new
where visit.visit_id = new.visit_id

-- name: begin_parts
insert into visit_parts (
    browser, person, is_user, started_at, ended_at, run_started_at, run_ended_at,
    is_shared, event_ids, times, types, pages, routes, signed_in, contexts, arrivals, outside
)
select
    browser, person, is_user, times[1], ended_at, times[1], ended_at,
    false, event_ids, times, types, pages, coalesce(routes, '{}'), array[is_user], array[context],
    array_remove(array[arrival], null), num_nonnulls(arrival)
from visit_newest
where visit_id is null

-- name: begin_visits
insert into stored_visits (
    visit_id, person, is_user, started_at, ended_at, chain_started_at, chain_ended_at,
    views, events, interactions, pages, routes, types, context, arrival
)
select
    event_ids[1], person, is_user, times[1], ended_at, times[1], ended_at,
    views, cardinality(types), interactions, array_remove(pages, null), coalesce(visit_routes, '{}'),
    array(select distinct unnest(types) order by 1), context, arrival
from visit_newest
where visit_id is null
