"""`FOOTFALL_SDK_PATH`: a path of the operator's choice for SDK and collect route, besides the usual ones."""

import re

# The first file of the SDK, and the collect route. The other files have the names that the first one imports.
SCRIPT, SEND = "script.js", "send"
_PATH = re.compile(r"(?:/[a-z0-9][a-z0-9_-]*)+")
# What collector, dashboard and registry serve.
_TAKEN = frozenset(
    {
        *("api", "sdk", "docs", "healthz", "readyz", "metrics"),
        *("dashboard", "history", "event-types", "pipeline", "registry", "catalogue", "asyncapi.json"),
    }
)


def check_sdk_path(path: str) -> None:
    """Raise ValueError unless it is empty, or a path that nothing else is served under."""
    if path and (not _PATH.fullmatch(path) or path.split("/")[1] in _TAKEN):
        raise ValueError("a path such as /insights, in small letters, that no service of footfall has")
