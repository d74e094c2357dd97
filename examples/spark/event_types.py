"""Events and people of each type in the last week, by Spark. pip install pyspark (4, with Java 17 or newer)

Each day is a query, and so a task, of its own: Postgres reads that day's partition alone, and Spark reads the days
side by side.
"""

import os
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

DAYS = 7
# Of Maven Central; Spark downloads it once.
DRIVER = "org.postgresql:postgresql:42.7.8"

dsn = urlsplit(os.environ["FOOTFALL_POSTGRES_DSN"])
url = f"jdbc:postgresql://{dsn.hostname}:{dsn.port or 5432}{dsn.path}"
properties = {
    "driver": "org.postgresql.Driver",
    "user": unquote(dsn.username or ""),
    "password": unquote(dsn.password or ""),
}
today = datetime.now(UTC).date()
days = [f"day = date '{today - timedelta(days=back)}'" for back in range(DAYS + 1)]

spark = SparkSession.builder.appName("footfall").config("spark.jars.packages", DRIVER).getOrCreate()
# bytea arrives as binary, jsonb as text: from_json reads it.
events = spark.read.jdbc(url, "footfall.events", predicates=days, properties=properties)
people = f.countDistinct(f.coalesce("user_key", "visitor_key", "session_key"))
by_type = events.groupBy("event_type").agg(f.count("*").alias("events"), people.alias("people"))
for row in by_type.orderBy(f.desc("events"), "event_type").collect():
    print(row.event_type, row.events, row.people, sep=",")
