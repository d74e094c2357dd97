"""Prometheus metrics of the dashboard."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter("footfall_dashboard_requests", "Requests by HTTP status.", ["status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "footfall_dashboard_request_seconds", "Time until the response began.", registry=REGISTRY
)
VIEWERS = Gauge("footfall_dashboard_viewers", "Open event streams of the live page.", registry=REGISTRY)
CONNECTED = Gauge(
    "footfall_dashboard_connected", "1 while connected to the topic live-aggregates, else 0.", registry=REGISTRY
)
NEWEST_EVENT = Gauge(
    "footfall_dashboard_newest_event_timestamp_seconds",
    "Append time of the newest event in the live counts; 0 before the first.",
    registry=REGISTRY,
)
JWKS_FETCHES = Counter(
    "footfall_dashboard_jwks_fetches",
    "Fetches of session keys from the JWKS URL, by result.",
    ["result"],
    registry=REGISTRY,
)
JWKS_FETCHED = Gauge(
    "footfall_dashboard_jwks_fetched_timestamp_seconds",
    "When session keys were last fetched; 0 without a JWKS URL.",
    registry=REGISTRY,
)
