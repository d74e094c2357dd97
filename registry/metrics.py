"""The metrics of the registry."""

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()

REQUESTS = Counter("footfall_registry_requests", "Requests by HTTP status.", ["status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram("footfall_registry_request_seconds", "Time until a response began.", registry=REGISTRY)
