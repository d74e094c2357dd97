"""`python -m service_kit.healthcheck`: whether the service in this container answers; no shell is needed."""

import os
import sys
import urllib.request

_SECONDS = 3


def main() -> None:
    """Ask `/healthz` on the port that the service was given; end with 1 unless it answers 200."""
    port = os.environ.get("FOOTFALL_PORT") or os.environ.get("FOOTFALL_PROBE_PORT", "8080")
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=_SECONDS).close()
    except OSError as error:
        sys.exit(f"no good answer on port {port}: {error}")


if __name__ == "__main__":
    main()
