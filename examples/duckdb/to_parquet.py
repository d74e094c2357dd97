"""A day as a Parquet file, and a query of it by DuckDB. pip install duckdb adbc-driver-postgresql pyarrow

The query runs in Postgres, which so reads the day alone, and comes as Arrow.
"""

import os
import sys

import duckdb
from adbc_driver_postgresql import dbapi

# jsonb arrives as text; DuckDB's JSON functions take it.
QUERY = """
    select
        event_id, event_type, occurred_at, received_at, site, route, country, device,
        event_data::text as event_data
    from footfall.events
    where day = cast($1 as date)
"""
day, path = sys.argv[1], sys.argv[2]

with dbapi.connect(os.environ["FOOTFALL_POSTGRES_DSN"]) as connection, connection.cursor() as cursor:
    cursor.execute(QUERY, [day])
    events = cursor.fetch_arrow_table()

database = duckdb.connect()
database.sql("from events order by event_type, occurred_at").write_parquet(path, compression="zstd")
database.sql(f"select event_type, count(*) as events from '{path}' group by 1 order by 1").show()
