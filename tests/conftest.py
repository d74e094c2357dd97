"""What every test gets: a clean environment, and the real services of `tests/services.py` on demand."""

import os

import pytest

pytest_plugins = ["tests.services"]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees only the settings it makes itself."""
    for name in list(os.environ):
        if name.startswith("FOOTFALL_"):
            monkeypatch.delenv(name)
