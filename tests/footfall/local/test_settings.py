"""Where the data folder is."""

from pathlib import Path

import pytest

from footfall.local.settings import LocalSettings


def test_the_data_folder_is_in_the_users_xdg_folder_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert LocalSettings().folder == Path("/somewhere/footfall")
    assert LocalSettings(data_dir=Path("/elsewhere")).folder == Path("/elsewhere")
