"""The names that a team's event types cannot take are those that footfall has in Postgres and in Kafka."""

import re
from pathlib import Path

from avro_schemas.topic import EVENTS, all_topics
from avro_schemas.view_names import RELATIONS, TOPICS

MIGRATIONS = Path(__file__).parents[2] / "sinks" / "postgres" / "sql"
_CREATED = re.compile(
    r"^create (?:or replace )?(?:table|(?:materialized )?view)(?: if not exists)? (\w+)", re.M | re.I
)


def test_every_table_and_view_of_the_migrations_is_taken() -> None:
    created = {name for path in MIGRATIONS.rglob("*.sql") for name in _CREATED.findall(path.read_text())}
    assert len(created) > 15
    assert created - RELATIONS == set(), "add them to avro_schemas/view_names.py"


def test_every_other_topic_whose_name_begins_as_the_events_is_taken() -> None:
    assert {name.removeprefix(f"{EVENTS}-") for name in all_topics() if name.startswith(f"{EVENTS}-")} == TOPICS
