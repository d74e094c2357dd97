-- A time that ends at midnight needs nothing of the day that begins there.
create or replace function events_between(low timestamptz, high timestamptz) returns setof events
language sql stable parallel safe as $$
    select * from events
    where event_uuid >= id_from(low) and event_uuid < id_from(high)
        and day between (low at time zone 'UTC')::date
            and ((high at time zone 'UTC') - interval '1 microsecond')::date
$$;
