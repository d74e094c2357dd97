"""What is shown of the DSN of Postgres."""

import pytest

from footfall.local.postgres import without_password


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://postgres:secret@127.0.0.1:5432/footfall", "postgresql://postgres@127.0.0.1:5432/footfall"),
        ("postgresql://ann@db/footfall", "user=ann dbname=footfall host=db"),
        ("postgresql:///footfall?password=secret&user=ann", "user=ann dbname=footfall"),
        ("host=db user=ann password=secret sslpassword=secret", "user=ann host=db"),
        ("postgresql://ann:sec%ret@[", "a DSN that cannot be read"),
    ],
)
def test_a_password_is_never_shown(dsn: str, shown: str) -> None:
    assert sorted(without_password(dsn).split()) == sorted(shown.split())
