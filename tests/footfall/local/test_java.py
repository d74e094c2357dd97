"""Which Java runs Kafka."""

import pytest

from footfall.local.java import major_version


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_the_version_is_read_from_what_java_prints(printed: str, version: int | None) -> None:
    assert major_version(printed) == version
