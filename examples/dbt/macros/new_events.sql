{# The events that a model does not have yet. The times are asked first, so that Postgres plans with constants: it reads
   only the days that can have such events. An id is at most seven days older than its receipt, and ten minutes newer. #}
{% macro new_events() %}
    {%- if is_incremental() and execute -%}
        {%- set query -%}
            select newest - interval '7 days', newest
            from (select max(received_at) - interval '{{ var("lookback") }}' as newest from {{ this }}) as known
            where newest is not null
        {%- endset -%}
        {%- set found = run_query(query).rows -%}
    {%- endif -%}
    {%- if found -%}
        select * from footfall.events_between('{{ found[0][0] }}', now() + interval '10 minutes')
        where received_at >= '{{ found[0][1] }}'
    {%- else -%}
        select * from {{ source('footfall', 'events') }}
    {%- endif -%}
{% endmacro %}
