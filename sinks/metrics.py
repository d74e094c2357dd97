"""What the sinks count about themselves."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from avro_schemas.reasons import RECORD_REASONS

REGISTRY = CollectorRegistry()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"footfall_sink_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str) -> Gauge:
    return Gauge(f"footfall_sink_{name}", text, registry=REGISTRY)


def _seconds(name: str, text: str) -> Histogram:
    buckets = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
    return Histogram(f"footfall_sink_{name}_seconds", text, buckets=buckets, registry=REGISTRY)


ROWS = _counter("rows", "Events landed.")
DUPLICATES = _counter("duplicates", "Events that were there already.")
ERASED = _counter("erased", "Records of users who were erased.")
DEAD_LETTERS = _counter("dead_letters", "Records that could not land.", "reason")
BATCH_ROWS = Histogram(
    "footfall_sink_batch_rows",
    "Records a batch.",
    buckets=(1, 10, 100, 500, 1000, 5000, 10000, 20000),
    registry=REGISTRY,
)
BATCH_BYTES = Histogram(
    "footfall_sink_batch_bytes",
    "Bytes of a batch's records.",
    buckets=[4**n for n in range(5, 13)],
    registry=REGISTRY,
)
BATCH_MAX_ROWS = _gauge("batch_max_rows", "Most records the next batch may have.")
DECODE_SECONDS = _seconds("decode", "Time to make rows of a batch's records.")
WRITE_SECONDS = _seconds("write", "Time to write and commit a batch.")
COMMIT_SECONDS = _seconds("commit", "Time that the commit of a batch took.")
LATENCY_SECONDS = _seconds("latency", "From Kafka's time of the oldest record of a batch to its commit.")
MERGE_FALLBACKS = _counter("merge_fallbacks", "Batches that met rows that were there already.")
FENCED = _counter("fenced", "Batches refused as another owner had moved on.")
ASSIGNMENTS = _counter("assignments", "Times that the positions were read and sought.")
REVOKE_SECONDS = _seconds("revoke", "From the loss of partitions to the end of what was being written.")
WRITE_RETRIES = _counter(
    "write_retries", "Times that Postgres could not take a batch, by class of SQLSTATE.", "sqlstate_class"
)
BATCH_SHRINKS = _counter("batch_shrinks", "Batches that took too long, so that a smaller one was tried.")
PAUSED_SECONDS = _counter("paused_seconds", "Time spent waiting for Postgres or for a person.")
HALTED = _gauge("halted", "1 while a person must look: the log says at what.")
BREAKER_OPEN = _gauge("breaker_open", "1 while too many dead letters stop landing.")
RECORDS_LOST = _counter("records_lost_to_retention", "Records that Kafka removed before they landed.")
LAG = _gauge("lag_records", "Records not landed yet.")
LAG_SECONDS = _gauge("lag_seconds", "Age of the last record landed while others wait behind it, else 0.")
DEAD_LETTERS_PUBLISHED = _counter("dead_letters_published", "Dead letters that events-rejected has.")
DEAD_LETTERS_PENDING = _gauge("dead_letters_pending", "Dead letters that events-rejected does not have yet.")
NEWEST_EVENT = _gauge("newest_event_timestamp_seconds", "Append time of the newest event that landed; 0 before.")
READY = _gauge("ready", "1 while partitions are landing, 0 while it waits.")


def _postgres(name: str, text: str, *labels: str) -> Gauge:
    """Of the database, the same from every process: sinks/postgres/gauges.py asks once a minute."""
    return Gauge(f"footfall_postgres_{name}", text, labels, registry=REGISTRY)


POSTGRES_CHECKED = _postgres("checked_timestamp_seconds", "When the database was last asked for these.")
POSTGRES_DAYS_AHEAD = _postgres("days_ahead", "Days after today whose partition is there already.")
POSTGRES_DAYS = _postgres("days", "Days that maintenance knows, by state.", "state")
POSTGRES_UNACCOUNTED = _postgres("unaccounted_records", "Offsets passed that the ledger does not explain.")
POSTGRES_DEAD_LETTERS = _postgres("dead_letters", "Dead letters that wait in Postgres.")
POSTGRES_PENDING_ERASURES = _postgres("pending_erasures", "Users to forget of whom something is left.")
POSTGRES_MAINTAINED = _postgres(
    "maintained_timestamp_seconds", "When a round of maintenance last ended; 0 before the first."
)
POSTGRES_BYTES = _postgres("bytes", "Bytes of the whole database.")

CANARY_SECONDS = Histogram(
    "footfall_canary_seconds",
    "From the sending of the canary, through the collector and Kafka, to its row.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
CANARY_LANDED_AT = Gauge(
    "footfall_canary_landed_timestamp_seconds", "When the last canary that arrived did.", registry=REGISTRY
)
CANARY_FAILURES = Counter(
    "footfall_canary_failures",
    "Canaries that did not arrive, by where they got stuck.",
    ["stage"],
    registry=REGISTRY,
)

# They stand there from the start: a first one would not be seen as an increase.
for reason in RECORD_REASONS:
    DEAD_LETTERS.labels(reason)
for stage in ("collector", "landing", "postgres"):
    CANARY_FAILURES.labels(stage)
