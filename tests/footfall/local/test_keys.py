"""The keys of the local stack."""

import stat
from pathlib import Path

from footfall.local import keys


def test_keys_are_created_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    created = keys.read_or_create(tmp_path)
    assert keys.read_or_create(tmp_path) == created
    assert set(created) == {"FOOTFALL_HASH_KEY", "FOOTFALL_SESSION_KEY"}
    password = keys.postgres_password(tmp_path)
    assert keys.postgres_password(tmp_path) == password
    assert len(password) == 64
    assert keys.read_or_create(tmp_path) == created
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
