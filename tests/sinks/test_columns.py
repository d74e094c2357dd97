"""The table of columns fits the rows that landing makes."""

from sinks.columns import NAMES
from sinks.landing.event_row import EventRow


def test_the_columns_are_the_fields_of_a_row_in_their_order() -> None:
    assert EventRow._fields == NAMES
