"""`python -m service_kit.healthcheck`: whether the service in this container is alive. It needs no shell."""

import os
import sys
import urllib.request

_TIMEOUT_SECONDS = 3


def main() -> None:
    """Request `/healthz` on the port of the service; exit with 1 unless the answer is 200."""
    port = os.environ.get("FOOTFALL_PORT") or os.environ.get("FOOTFALL_PROBE_PORT", "8080")
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        sys.exit(f"no healthy service on port {port}: {error}")


if __name__ == "__main__":
    main()
