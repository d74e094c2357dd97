"""Web vitals of the last week, as a DataFrame of polars. pip install polars adbc-driver-postgresql pyarrow"""

import os

import polars

QUERY = "select day, route, metric, value, occurred_at from footfall.web_vitals where day >= current_date - 7"

vitals = polars.read_database_uri(QUERY, os.environ["FOOTFALL_POSTGRES_DSN"], engine="adbc")
slow = vitals.group_by("metric", "route").agg(
    polars.col("value").quantile(0.75).alias("p75"), polars.len().alias("measured")
)
print(slow.sort("metric", "route").write_csv())
