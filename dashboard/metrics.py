"""What the dashboard counts about itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter("footfall_dashboard_requests", "Requests by HTTP status.", ["status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram("footfall_dashboard_request_seconds", "Time until an answer began.", registry=REGISTRY)
VIEWERS = Gauge("footfall_dashboard_viewers", "Pages that follow the live counts.", registry=REGISTRY)
CONNECTED = Gauge(
    "footfall_dashboard_connected", "1 while the live counts are followed, else 0.", registry=REGISTRY
)
NEWEST_EVENT = Gauge(
    "footfall_dashboard_newest_event_timestamp_seconds",
    "Append time of the newest event in the live counts; 0 before the first.",
    registry=REGISTRY,
)
JWKS_FETCHES = Counter(
    "footfall_dashboard_jwks_fetches",
    "Fetches of the keys of sessions, by result.",
    ["result"],
    registry=REGISTRY,
)
JWKS_FETCHED = Gauge(
    "footfall_dashboard_jwks_fetched_timestamp_seconds",
    "When the keys of sessions were last fetched; 0 without a JWKS URL.",
    registry=REGISTRY,
)
