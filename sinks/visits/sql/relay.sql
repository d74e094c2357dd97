-- name: revived
-- What is there again needs no tombstone.
with revived as (
    delete from visit_tombstones
    where case topic
        when 'visits' then exists (select from stored_visits where visit_id = substr(key, 5)::uuid)
        else exists (select from identities where visitor_key = decode(key, 'hex'))
    end
    returning topic, key
)
update identities set is_published = false
from revived
where topic = 'identities' and visitor_key = decode(key, 'hex')

-- name: tombstones
select topic, key from visit_tombstones order by topic, key limit %(limit)s

-- name: delete_tombstones
delete from visit_tombstones
using unnest(%(topics)s::text[], %(keys)s::text[]) as published (topic, key)
where visit_tombstones.topic = published.topic and visit_tombstones.key = published.key

-- name: visits
-- Visits that are over and were not published as they are, the first to begin first. One that a crash takes back is made again of the
-- same rows, and published again.
with pending as (
    select visit_id, stored_visits.xmin::text as version
    from stored_visits
    cross join visit_progress
    where not is_published and ended_at < now() - gap and started_at < now() - gap
    order by started_at
    limit %(limit)s
)
select
    pending.visit_id as id, pending.version,
    visit.visit_id, person, is_user, milliseconds_of(started_at) as started_at, milliseconds_of(ended_at) as ended_at,
    views, events, interactions, bounced, entry_page, exit_page, entry_route, exit_route, pages[:200] as pages, source, channel,
    utm_source, utm_medium, utm_campaign, utm_term, utm_content, site, hostname, country, region, language, screen, release,
    coalesce(browser, 'unknown') as browser, coalesce(system, 'unknown') as system, coalesce(device, 'unknown') as device
from pending
join visits as visit on visit.visit_uuid = pending.visit_id

-- name: mark_visits
-- Unless it changed meanwhile.
update stored_visits set is_published = true
from unnest(%(ids)s::uuid[], %(versions)s::text[]) as published (id, version)
where visit_id = published.id and stored_visits.xmin::text = published.version

-- name: identities
with pending as (
    select distinct visitor_key from identities where not is_published limit %(limit)s
)
select
    encode(visitor_key, 'hex') as visitor_key,
    array_agg(encode(user_key, 'hex') order by first_at, user_key) as user_keys,
    array_agg(milliseconds_of(first_at) order by first_at, user_key) as first_at,
    array_agg(identities.xmin::text order by first_at, user_key) as versions
from pending
join identities using (visitor_key)
group by visitor_key

-- name: mark_identities
update identities set is_published = true
from unnest(%(visitors)s::text[], %(users)s::text[], %(versions)s::text[]) as published (visitor, user_of, version)
where visitor_key = decode(visitor, 'hex') and user_key = decode(user_of, 'hex') and identities.xmin::text = version
