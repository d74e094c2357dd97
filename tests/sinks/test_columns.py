"""The table of columns fits the rows that landing makes."""

from avro_schemas.schema import CUSTOM, latest
from sinks.columns import NAMES
from sinks.landing.event_row import PLAIN_FIELDS, EventRow


def test_the_columns_are_the_fields_of_a_row_in_their_order() -> None:
    assert EventRow._fields == NAMES


def test_plain_columns_are_in_the_order_of_the_head_as_the_fast_reader_takes_them() -> None:
    head = [field["name"] for field in latest()[CUSTOM].definition["fields"]]
    assert tuple(name for name in head if name in PLAIN_FIELDS) == PLAIN_FIELDS


def test_every_field_of_the_head_has_a_column() -> None:
    head = {field["name"] for field in latest()[CUSTOM].definition["fields"]}
    assert head <= {*NAMES}
