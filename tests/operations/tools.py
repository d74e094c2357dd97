"""Programs that the tests of alerts and dashboards need."""

import os
import shutil

import pytest


def promtool() -> str:
    """Prometheus's own tool. Without it the test is skipped, or fails in CI."""
    if found := shutil.which("promtool"):
        return found
    missing = "promtool is not installed; on Debian it is in the package prometheus"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
