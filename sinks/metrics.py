"""What the sinks count about themselves."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

ROWS = Counter("footfall_sink_rows", "Events landed.", registry=REGISTRY)
DUPLICATES = Counter("footfall_sink_duplicates", "Events that were there already.", registry=REGISTRY)
ERASED = Counter("footfall_sink_erased", "Records of users who were erased.", registry=REGISTRY)
DEAD_LETTERS = Counter("footfall_sink_dead_letters", "Records that could not land.", ["reason"], registry=REGISTRY)
BATCH_ROWS = Histogram(
    "footfall_sink_batch_rows",
    "Rows a batch.",
    buckets=(1, 10, 100, 500, 1000, 5000, 20000),
    registry=REGISTRY,
)
WRITE_SECONDS = Histogram("footfall_sink_write_seconds", "Time to write and commit a batch.", registry=REGISTRY)
MERGES = Counter("footfall_sink_merges", "Batches that met rows that were there already.", registry=REGISTRY)
FENCED = Counter("footfall_sink_fenced", "Batches refused as another owner had moved on.", registry=REGISTRY)
WAITS = Counter("footfall_sink_waits", "Times that Postgres could not take a batch.", registry=REGISTRY)
GAPS = Counter("footfall_sink_gap_records", "Records that Kafka removed before they landed.", registry=REGISTRY)
LAG = Gauge("footfall_sink_lag_records", "Records not landed yet.", registry=REGISTRY)
