"""Metrics of the stream app."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

EVENTS = Counter("footfall_stream_events", "Events folded, by outcome.", ["outcome"], registry=REGISTRY)
BATCH_RECORDS = Histogram(
    "footfall_stream_batch_records",
    "Records in a fetched batch.",
    buckets=(1, 10, 100, 1000, 4000),
    registry=REGISTRY,
)
FOLD_SECONDS = Histogram("footfall_stream_fold_seconds", "Time to fold a fetched batch.", registry=REGISTRY)
EARLY_BATCHES = Counter(
    "footfall_stream_early_batches",
    "Batches dropped because they came before the seek to the state.",
    registry=REGISTRY,
)
GAPS_REFETCHED = Counter(
    "footfall_stream_gaps_refetched",
    "Gaps behind the state's position; fetched again.",
    registry=REGISTRY,
)
RECORDS_LOST = Counter(
    "footfall_stream_records_lost_to_retention",
    "Records that retention removed before they were read.",
    registry=REGISTRY,
)
DAMAGED_BATCH_OFFSET = Gauge(
    "footfall_stream_damaged_batch_offset",
    "Offset of the damaged batch at which a partition of a topic stops; none if it does not.",
    ["topic", "partition"],
    registry=REGISTRY,
)
CHANGELOG_FOREIGN_RECORDS = Counter(
    "footfall_stream_changelog_foreign_records",
    "Records of the changelog that are not of the state, passed over by a recovery.",
    registry=REGISTRY,
)
CHANGELOG_FOREIGN_WRITES = Counter(
    "footfall_stream_changelog_foreign_writes",
    "Times that another process wrote to the changelog of a partition of this worker.",
    registry=REGISTRY,
)
CHECKPOINT_SECONDS = Histogram(
    "footfall_stream_checkpoint_seconds", "Time to write a partition's checkpoint.", registry=REGISTRY
)
CHECKPOINT_BYTES = Counter(
    "footfall_stream_checkpoint_bytes", "Bytes written to the changelog.", registry=REGISTRY
)
RECOVERY_SECONDS = Gauge("footfall_stream_recovery_seconds", "Duration of the last recovery.", registry=REGISTRY)
RECOVERIES = Counter(
    "footfall_stream_recoveries",
    "Times that partitions were assigned and their state recovered.",
    registry=REGISTRY,
)
PARTITIONS = Gauge("footfall_stream_partitions", "Partitions this worker owns.", registry=REGISTRY)
DEDUP_WINDOW_SECONDS = Gauge(
    "footfall_stream_dedup_window_seconds",
    "How far back repeated ids are certainly recognized.",
    registry=REGISTRY,
)
UNCERTAIN_EVENTS = Gauge(
    "footfall_stream_uncertain_events",
    "Events that wait for the sinks to say whether they are new.",
    registry=REGISTRY,
)
UNCERTAIN_SINCE = Gauge(
    "footfall_stream_uncertain_since_timestamp_seconds",
    "Append time before which no event waits for the sinks to say whether it is new; 0 if none waits.",
    registry=REGISTRY,
)
CORRECTIONS = Counter(
    "footfall_stream_corrections",
    "Corrections of the sinks: applied, known before, impossible here, foreign, lost to retention.",
    ["result"],
    registry=REGISTRY,
)
CORRECTIONS.labels("lost")  # an alert watches it: a series that begins at 1 does not count as an increase
NAMING_ERRORS = Counter(
    "footfall_stream_naming_errors",
    "Events that count as `*` in a dimension because making their name failed; the log says why.",
    ["dimension"],
    registry=REGISTRY,
)
LAG = Gauge("footfall_stream_lag_records", "Records not yet in a durable checkpoint.", registry=REGISTRY)
UNCOMMITTED = Gauge(
    "footfall_stream_uncommitted_records",
    "Records that wait for the end of a transaction of another program.",
    registry=REGISTRY,
)
PARTITION_LAG = Gauge(
    "footfall_stream_partition_lag_records",
    "Records of a partition of this worker that are not yet in a durable checkpoint.",
    ["partition"],
    registry=REGISTRY,
)
PARTITION_OFFSET = Gauge(
    "footfall_stream_partition_offset",
    "Offset up to which a partition of this worker is in a durable checkpoint.",
    ["partition"],
    registry=REGISTRY,
)
TOPIC_PARTITIONS = Gauge(
    "footfall_stream_topic_partitions", "Partitions of the topic `events`.", registry=REGISTRY
)
NEWEST_EVENT = Gauge(
    "footfall_stream_newest_event_timestamp_seconds",
    "Append time of the newest event that this worker has folded; 0 before the first.",
    registry=REGISTRY,
)
