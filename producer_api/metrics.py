"""The collector's metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"footfall_collector_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str) -> Gauge:
    return Gauge(f"footfall_collector_{name}", meaning, registry=REGISTRY)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(f"footfall_collector_{name}", meaning, buckets=buckets, registry=REGISTRY)


EVENTS = _counter(
    "events",
    "Events by status and code; a rejected request counts as one.",
    "status",
    "code",
)
REQUESTS = _counter("requests", "Requests by HTTP status.", "status")
REQUEST_SECONDS = _histogram(
    "request_seconds",
    "Time from a request's first byte to its response.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
PUBLISH_SECONDS = _histogram(
    "publish_seconds",
    "Time from handing events to the producer to Kafka's acknowledgement.",
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
)
CLOCK_SKEW_SECONDS = _histogram(
    "clock_skew_seconds",
    "By how much clients' clocks are wrong, in either direction, if they send sent_at.",
    (1, 5, 60, 600, 3600, 86_400),
)
IN_FLIGHT_BYTES = _gauge("in_flight_bytes", "Bytes handed to Kafka and not acknowledged yet.")
LATE_ACKS = _counter("late_acks", "Events acknowledged after their request was answered with 503 or spooled.")
KAFKA_AVAILABLE = _gauge("kafka_available", "1 while Kafka takes events, else 0.")
PRODUCER_RESTARTS = _counter("producer_restarts", "Producers replaced after a fatal error.")
LIMITER_EVICTIONS = _counter("limiter_evictions", "Senders whose count was dropped to bound memory.")
CLUSTER_LIMITS_ACTIVE = _gauge(
    "cluster_limits_active",
    "1 while limits hold across all collectors, 0 while only in this one, NaN if FOOTFALL_CLUSTER_LIMITS is off.",
)
LIMITED_USERS = _gauge("limited_users", "Users over the limit across all collectors.")
JWKS_FETCHES = _counter("jwks_fetches", "Fetches of session keys, by result.", "result")
JWKS_FETCHED = _gauge(
    "jwks_fetched_timestamp_seconds", "When session keys were last fetched; 0 without a JWKS URL."
)
REJECTED_SESSIONS = _counter(
    "rejected_sessions",
    "Requests let in although their session is invalid, as another application's is, by its code.",
    "code",
)
REDACTIONS = _counter("redactions", "Texts redacted in events, by pattern and field.", "pattern", "field")
IP_DATABASE_BUILT = _gauge(
    "ip_database_built_timestamp_seconds",
    "When the database of FOOTFALL_IP_DATABASE was built by its publisher; 0 without one.",
)
CLIENT_DROPPED_EVENTS = _counter(
    "client_dropped_events", "Events that browsers gave up before they could be sent, as reported by them."
)
OPT_OUTS = _counter("opt_outs", "Events stored without user, session and visitor because the visitor opted out.")
BOT_REQUESTS = _counter("bot_requests", "Requests that look like a program's, by reason.", "reason")
REJECTED_RECORDS = _counter(
    "rejected_records",
    "Records for events-rejected, by result; too_large ones go without the event.",
    "result",
)
SPOOL_EVENTS = _gauge("spool_events", "Events in the spool that are not in Kafka yet.")
SPOOL_BYTES = _gauge("spool_bytes", "Size of the spool on disk.")
SPOOL_MAX_BYTES = _gauge("spool_max_bytes", "Bytes that the spool may take; 0 without a spool.")
SPOOL_AGE_SECONDS = _gauge("spool_age_seconds", "Age of the oldest event in the spool.")
SPOOLED_EVENTS = _counter("spooled_events", "Events written to the spool.")
REPLAYED_EVENTS = _counter("replayed_events", "Spooled events that Kafka acknowledged.")
SPOOL_ERRORS = _counter("spool_errors", "Failed writes and unreadable frames, by kind.", "kind")

# Series that alerts watch exist from the start: a series that begins at 1 does not count as an increase.
EVENTS.labels("accepted", "")
EVENTS.labels("rejected", "unexpected")
for status in (200, 500, 503):
    REQUESTS.labels(status)
for kind in ("full", "write", "damaged"):
    SPOOL_ERRORS.labels(kind)
