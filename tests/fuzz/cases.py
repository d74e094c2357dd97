"""How many cases: three hundred in `make test`, twenty thousand in `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

COUNT = int(os.environ.get("FUZZ_CASES", "300"))


def cases(count: int = COUNT) -> settings:
    """Without a deadline per case: each is a request to another process."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
