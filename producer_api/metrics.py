"""What the collector counts about itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

EVENTS = Counter("footfall_collect_events", "Events by status and code.", ["status", "code"], registry=REGISTRY)
REQUESTS = Counter("footfall_collect_requests", "Requests by HTTP status.", ["status"], registry=REGISTRY)
PUBLISH_SECONDS = Histogram(
    "footfall_collect_publish_seconds",
    "Time from handing events to the producer to Kafka's acknowledgement.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
    registry=REGISTRY,
)
WAITING = Gauge("footfall_collect_waiting_batches", "Record batches not acknowledged yet.", registry=REGISTRY)
GHOSTS = Counter(
    "footfall_collect_ghosts", "Events acknowledged after their request was answered 503.", registry=REGISTRY
)
GATE_OPEN = Gauge("footfall_collect_gate_open", "1 while Kafka takes events, else 0.", registry=REGISTRY)
PRODUCER_RESTARTS = Counter(
    "footfall_collect_producer_restarts", "Producers replaced after a fatal error.", registry=REGISTRY
)
QUOTA_EVICTIONS = Counter(
    "footfall_collect_quota_evictions", "Users whose count was forgotten to bound memory.", registry=REGISTRY
)
