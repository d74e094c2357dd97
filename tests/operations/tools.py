"""Programs that tests of the operations files need."""

import os
import shutil

import pytest


def promtool() -> str:
    """Prometheus' own tool; without it the test is skipped, and fails in CI."""
    if found := shutil.which("promtool"):
        return found
    missing = "promtool is missing; Debian has it in the package prometheus"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
