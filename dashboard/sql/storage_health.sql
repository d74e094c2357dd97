-- The health of what is stored, in one row: the fields of StorageHealth in health/pipeline.py, in that order.
select
    (select count(*) from (select from dead_letters limit %(max_dead_letters)s) as letters)::integer as dead_letters,
    coalesce((extract(epoch from (select max(rejected_at) from dead_letters)) * 1000)::bigint, 0) as newest_dead_letter_at,
    coalesce((select max(day)::text from days where state not in ('closed', 'differs')), '') as audited_day,
    coalesce((extract(epoch from (select finished_at from maintained)) * 1000)::bigint, 0) as maintained_at,
    (select count(*) from days where state = 'differs')::integer as days_that_differ,
    coalesce((extract(epoch from (select max(updated_at) from sink_offsets)) * 1000)::bigint, 0) as landed_at,
    coalesce((extract(epoch from (select max(sent_at) from canaries)) * 1000)::bigint, 0) as canary_at,
    coalesce(
        (
            select coalesce(
                failure, 'landed after ' || round(extract(epoch from landed_at - sent_at) * 1000) || ' ms', 'pending'
            )
            from canaries order by sent_at desc limit 1
        ),
        'none is sent yet'
    ) as canary
