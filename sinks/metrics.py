"""Metrics of the sinks."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from avro_schemas import correction
from avro_schemas.reasons import CONFLICT, RECORD_REASONS

REGISTRY = CollectorRegistry()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"footfall_sink_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str) -> Gauge:
    return Gauge(f"footfall_sink_{name}", text, registry=REGISTRY)


def _seconds(name: str, text: str) -> Histogram:
    buckets = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
    return Histogram(f"footfall_sink_{name}_seconds", text, buckets=buckets, registry=REGISTRY)


ROWS = _counter("rows", "Events landed.")
OTHER_ROWS = _counter("other_rows", "Rows of the type `*`, as their event type is one too many.")
DUPLICATES = _counter("duplicates", "Events whose id had landed before.")
ERASED = _counter("erased", "Records that were not landed because their user was erased.")
DEAD_LETTERS = _counter("dead_letters", "Records that could not land, by reason.", "reason")
CORRECTIONS = _counter(
    "corrections",
    "Records that the stream app could not judge, or judged otherwise, by what became of them: row, or why not.",
    "reason",
)
CORRECTIONS_PUBLISHED = _counter("corrections_published", "Corrections that were published to corrections.")
CORRECTIONS_LAG_SECONDS = _gauge(
    "corrections_lag_seconds",
    "Age of the oldest correction that is not published to corrections yet; 0 if none waits.",
)
BATCH_ROWS = Histogram(
    "footfall_sink_batch_rows",
    "Records per batch.",
    buckets=(1, 10, 100, 500, 1000, 5000, 10000, 20000),
    registry=REGISTRY,
)
BATCH_BYTES = Histogram(
    "footfall_sink_batch_bytes",
    "Bytes of records per batch.",
    buckets=[4**n for n in range(5, 13)],
    registry=REGISTRY,
)
BATCH_MAX_ROWS = _gauge("batch_max_rows", "Records that the next batch may have.")
DECODE_SECONDS = _seconds("decode", "Time to decode the records of a batch.")
WRITE_SECONDS = _seconds("write", "Time to write and commit a batch.")
COMMIT_SECONDS = _seconds("commit", "Time to commit a batch.")
LATENCY_SECONDS = _seconds("latency", "Time from Kafka's append of a batch's oldest record to its commit.")
MERGE_FALLBACKS = _counter("merge_fallbacks", "Batches that were merged because some rows existed already.")
FENCED = _counter("fenced", "Batches that were not written because another owner had moved the offsets.")
ASSIGNMENTS = _counter("assignments", "Times that partitions were claimed and their offsets read.")
REVOKE_SECONDS = _seconds("revoke", "Time from a revocation to the end of the write that was going on.")
WRITE_RETRIES = _counter(
    "write_retries", "Times that Postgres was unavailable for a batch, by class of SQLSTATE.", "sqlstate_class"
)
BATCH_SHRINKS = _counter("batch_shrinks", "Batches that timed out, so that a smaller one was tried.")
PAUSED_SECONDS = _counter("paused_seconds", "Time spent waiting for Postgres or for an operator.")
HALTED = _gauge("halted", "1 while landing waits for an operator; the log says for what.")
BREAKER_OPEN = _gauge("breaker_open", "1 while landing is stopped by too many dead letters.")
RECORDS_LOST = _counter("records_lost_to_retention", "Records that Kafka removed before they landed.")
DAMAGED_BATCH_OFFSET = Gauge(
    "footfall_sink_damaged_batch_offset",
    "Offset of the damaged batch at which a partition stops; none if it does not.",
    ["partition"],
    registry=REGISTRY,
)
LAG = _gauge("lag_records", "Records that have not landed yet.")
UNCOMMITTED = _gauge("uncommitted_records", "Records that wait for the end of a transaction of another program.")
LAG_SECONDS = _gauge("lag_seconds", "Age of the newest record that landed, if others wait behind it; else 0.")
DEAD_LETTERS_PUBLISHED = _counter("dead_letters_published", "Dead letters that were published to events-rejected.")
DEAD_LETTERS_PENDING = _gauge(
    "dead_letters_pending", "Dead letters that are not published to events-rejected yet."
)
NEWEST_EVENT = _gauge(
    "newest_event_timestamp_seconds", "Kafka's append time of the newest event that landed; 0 before."
)
PARTITIONS = _gauge("partitions", "Partitions that this sink owns.")
TOPIC_PARTITIONS = _gauge("topic_partitions", "Partitions of the topic `events`.")
READY = _gauge("ready", "1 while events land, 0 while Kafka, partitions or Postgres are waited for.")


VISITS_BEHIND_SECONDS = _gauge(
    "visits_behind_seconds", "Age of the oldest rows that visits do not know of; 0 if none."
)
VISITS_STEP_SECONDS = _seconds("visits_step", "Time to derive visits from some of the rows that landed.")
VISITS_EVENTS = _counter("visits_events", "Rows that visits were derived from.")
VISITS_PUBLISHED = _counter("visits_published", "Records published to visits and identities.", "topic")
VISITS_FAILURES = _counter("visits_failures", "Steps of deriving visits that failed, and are tried again.")


def _postgres(name: str, text: str, *labels: str) -> Gauge:
    """A gauge of the database, the same in every process: sinks/postgres/gauges.py sets it once per minute."""
    return Gauge(f"footfall_postgres_{name}", text, labels, registry=REGISTRY)


POSTGRES_CHECKED = _postgres("checked_timestamp_seconds", "When these gauges were last set.")
POSTGRES_DAYS_AHEAD = _postgres("days_ahead", "Consecutive days after today that have a partition.")
POSTGRES_DAYS = _postgres("days", "Days by their state in maintenance.", "state")
POSTGRES_UNACCOUNTED = _postgres(
    "unaccounted_records",
    "Offsets read that the ledger does not account for.",
)
POSTGRES_DEAD_LETTERS = _postgres("dead_letters", "Dead letters in Postgres.")
POSTGRES_PENDING_ERASURES = _postgres("pending_erasures", "Erasures that are not finished.")
POSTGRES_MAINTAINED = _postgres(
    "maintained_timestamp_seconds", "End of the last round of maintenance; 0 before the first."
)
POSTGRES_VISITS_PENDING = _postgres("visits_pending_events", "Events that landed and are in no visit yet.")
POSTGRES_VISITS_DIFFERING = _postgres(
    "visits_recount_failures", "Hours of visits that differed from their rows when they were last recounted."
)
POSTGRES_VISITS_UNPUBLISHED = _postgres(
    "visits_pending_records",
    "Records of visits that are over, and of links, that are not in their topic; at most 10,000.",
    "topic",
)
POSTGRES_BYTES = _postgres("bytes", "Size of the database.")

CANARY_SECONDS = Histogram(
    "footfall_canary_seconds",
    "Time from the sending of a canary, through the collector and Kafka, to its row.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
CANARY_LANDED_AT = Gauge(
    "footfall_canary_landed_timestamp_seconds", "When a canary last landed.", registry=REGISTRY
)
CANARY_FAILURES = Counter(
    "footfall_canary_failures",
    "Canaries that did not land, by the stage that they did not pass.",
    ["stage"],
    registry=REGISTRY,
)

# From the start with 0: Prometheus sees no increase in a series that begins with 1.
for reason in (*RECORD_REASONS, CONFLICT):
    DEAD_LETTERS.labels(reason)
for reason in ("row", correction.DUPLICATE, correction.ERASED, CONFLICT):
    CORRECTIONS.labels(reason)
for name in ("visits", "identities"):
    VISITS_PUBLISHED.labels(name)
for stage in ("collector", "landing", "postgres"):
    CANARY_FAILURES.labels(stage)
