"""What the collector counts about itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"footfall_collector_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str) -> Gauge:
    return Gauge(f"footfall_collector_{name}", meaning, registry=REGISTRY)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(f"footfall_collector_{name}", meaning, buckets=buckets, registry=REGISTRY)


EVENTS = _counter("events", "Events by status and code.", "status", "code")
REQUESTS = _counter("requests", "Requests by HTTP status.", "status")
REQUEST_SECONDS = _histogram(
    "request_seconds",
    "Time from a request's first byte to its answer.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
PUBLISH_SECONDS = _histogram(
    "publish_seconds",
    "Time from handing events to the producer to Kafka's acknowledgement.",
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
)
CLOCK_SKEW_SECONDS = _histogram(
    "clock_skew_seconds",
    "How far the clocks of clients that tell sent_at are off, either way.",
    (1, 5, 60, 600, 3600, 86_400),
)
IN_FLIGHT_BYTES = _gauge("in_flight_bytes", "Bytes handed to Kafka and not acknowledged yet.")
LATE_ACKS = _counter("late_acks", "Events acknowledged after their request was answered 503 or spooled.")
KAFKA_AVAILABLE = _gauge("kafka_available", "1 while Kafka takes events, else 0.")
PRODUCER_RESTARTS = _counter("producer_restarts", "Producers replaced after a fatal error.")
LIMITER_EVICTIONS = _counter("limiter_evictions", "Senders whose count was forgotten to bound memory.")
CLUSTER_LIMITS_ACTIVE = _gauge(
    "cluster_limits_active",
    "1 while limits hold over all collectors, 0 while only in this one, NaN where they are not to.",
)
LIMITED_USERS = _gauge("limited_users", "Users that the cluster last said to be over the limit.")
JWKS_FETCHES = _counter("jwks_fetches", "Fetches of the keys of sessions, by result.", "result")
JWKS_FETCHED = _gauge(
    "jwks_fetched_timestamp_seconds", "When the keys of sessions were last fetched; 0 without a JWKS URL."
)
REDACTIONS = _counter("redactions", "Texts replaced in events, by pattern and field.", "pattern", "field")
CLIENT_DROPPED_EVENTS = _counter(
    "client_dropped_events", "Events that browsers gave up before they could be sent, as they say."
)
OPT_OUTS = _counter("opt_outs", "Events stripped of user, session and address as the visitor asked.")
BOT_REQUESTS = _counter("bot_requests", "Requests that look like a program's, by reason.", "reason")
REJECTED_RECORDS = _counter("rejected_records", "Records for events-rejected, by what became of them.", "result")
SPOOL_EVENTS = _gauge("spool_events", "Events in the spool that Kafka does not have yet.")
SPOOL_BYTES = _gauge("spool_bytes", "Bytes of the spool on the disk.")
SPOOL_MAX_BYTES = _gauge("spool_max_bytes", "Bytes the spool may take; 0 without one.")
SPOOL_AGE_SECONDS = _gauge("spool_age_seconds", "How long the oldest event has been in the spool.")
SPOOLED_EVENTS = _counter("spooled_events", "Events written to the spool.")
REPLAYED_EVENTS = _counter("replayed_events", "Events of the spool that Kafka acknowledged.")
SPOOL_ERRORS = _counter("spool_errors", "Writes that failed and frames that were damaged.", "kind")

# What alerts look at stands there from the start: a first one would not be seen as an increase.
EVENTS.labels("accepted", "")
EVENTS.labels("rejected", "unexpected")
for status in (200, 500, 503):
    REQUESTS.labels(status)
for kind in ("full", "write", "damaged"):
    SPOOL_ERRORS.labels(kind)
