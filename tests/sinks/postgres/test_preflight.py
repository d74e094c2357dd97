"""What a look at the database finds becomes sentences that say what to do."""

from dataclasses import replace

import pytest

from sinks.postgres.preflight import Facts, faults, warnings

FINE = Facts(
    database="footfall",
    user="sinks",
    version=150_004,
    encoding="UTF8",
    may_create_temporary=True,
    pooled_by_transaction=False,
    may_create_partitions=True,
)


def test_a_database_that_is_ours_has_no_fault() -> None:
    assert (faults(FINE), warnings(FINE)) == ([], [])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"encoding": "LATIN1"}, "create database footfall encoding 'UTF8' locale 'C' template template0."),
        ({"pooled_by_transaction": True}, "Set its pool_mode to session"),
        ({"version": 140_011}, "Postgres 15 or newer is needed; this is 14."),
        ({"may_create_temporary": False}, "grant temporary on database footfall to sinks."),
    ],
)
def test_what_would_lose_or_damage_events_is_a_fault(changed: dict[str, object], sentence: str) -> None:
    (fault,) = faults(replace(FINE, **changed))  # type: ignore[arg-type] # fields of Facts
    assert sentence in fault
    assert warnings(replace(FINE, **changed)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"may_create_partitions": False}, "python -m sinks maintain"),
        (
            {"default_partitions": ["raw_events_default"]},
            "raw_events_default takes events of days without a partition",
        ),
    ],
)
def test_what_makes_trouble_later_is_a_warning(changed: dict[str, object], sentence: str) -> None:
    (warning,) = warnings(replace(FINE, **changed))  # type: ignore[arg-type] # fields of Facts
    assert sentence in warning
    assert faults(replace(FINE, **changed)) == []  # type: ignore[arg-type]
