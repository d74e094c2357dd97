"""Charts: bars stack up to a round scale, and only the most frequent series have a colour each."""

import pytest

from dashboard.render.charts import OTHERS, Step, chart, round_up


def test_rare_series_share_a_colour() -> None:
    many = chart([Step(0, {str(number): 9 - number for number in range(9)})])
    assert many.series == ["0", "1", "2", "3", "4", OTHERS]
    assert many.steps[0].counts[OTHERS] == 4 + 3 + 2 + 1


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (1, 1), (7, 8), (10, 10), (11, 20), (4_100, 5_000)])
def test_the_scale_ends_at_a_round_number(highest: int, top: int) -> None:
    assert round_up(highest) == top
