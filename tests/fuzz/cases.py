"""What is checked of each answer, and how many cases: three hundred in `make test`, twenty thousand in `make fuzz`."""

import os

from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

# By the OpenAPI description.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

COUNT = int(os.environ.get("FUZZ_CASES", "300"))


def cases(count: int = COUNT) -> settings:
    """Without a deadline per case: each is a request to another process."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
