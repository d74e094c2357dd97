"""What a look at the database finds becomes sentences that say what to do."""

from dataclasses import replace

import pytest

from sinks.postgres.preflight import Facts, faults, warnings

FINE = Facts(
    database="shop",
    user="sinks",
    schema="footfall",
    version=150_004,
    encoding="UTF8",
    may_create_temporary=True,
    schema_exists=True,
    may_use_schema=True,
    may_create_tables=True,
)


def test_a_database_that_is_ours_has_no_fault() -> None:
    assert (faults(FINE), warnings(FINE)) == ([], [])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"encoding": "LATIN1"}, "create database shop encoding 'UTF8' locale 'C' template template0."),
        ({"version": 140_011}, "Postgres 15 or newer is needed; this is 14."),
        ({"may_create_temporary": False}, "grant temporary on database shop to sinks."),
        ({"may_use_schema": False}, "may not use the schema footfall: grant footfall_writer to sinks"),
        ({"foreign_relations": ["events"]}, "holds events, not made by footfall. Choose another schema"),
        ({"not_writable": ["a", "b", "c", "d", "e"]}, "read and write a, b, c and 2 more: grant footfall_writer"),
    ],
)
def test_what_would_lose_or_damage_events_is_a_fault(changed: dict[str, object], sentence: str) -> None:
    (fault,) = faults(replace(FINE, **changed))  # type: ignore[arg-type] # fields of Facts
    assert sentence in fault
    assert warnings(replace(FINE, **changed)) == []  # type: ignore[arg-type]


def test_a_schema_or_tables_that_this_user_may_not_create_are_asked_of_one_who_may() -> None:
    theirs = replace(FINE, may_create_tables=False)
    (absent,) = faults(replace(theirs, schema_exists=False))
    assert "create schema footfall authorization sinks." in absent
    (older,) = faults(replace(theirs, missing_migrations=["0001_events", "0002_landing"]))
    assert "lacks 0001_events and 0002_landing" in older
    assert "run `python -m sinks migrate` as the owner" in older
    assert faults(theirs) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"may_create_tables": False}, "python -m sinks maintain"),
        (
            {"default_partitions": ["raw_events_default"]},
            "raw_events_default takes events of days without a partition",
        ),
        ({"keyless": ["restored"]}, "alter table restored add primary key (event_id)"),
        ({"published_as_one": ["everything"]}, "The publication everything sends raw_events as one table"),
        ({"foreign_days": ["raw_events_20261130"]}, "raw_events_20261130 is where the table of a day belongs"),
        ({"unreplicable": ["landed"]}, "A publication has landed without the primary key"),
    ],
)
def test_what_makes_trouble_later_is_a_warning(changed: dict[str, object], sentence: str) -> None:
    (warning,) = warnings(replace(FINE, **changed))  # type: ignore[arg-type] # fields of Facts
    assert sentence in warning
    assert faults(replace(FINE, **changed)) == []  # type: ignore[arg-type]
