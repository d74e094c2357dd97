"""Web vitals out of counted bins."""

import pytest

from dashboard.render.web_vitals import known_bins, quantile, summarize


def test_page_speed_is_the_value_that_three_quarters_do_not_exceed() -> None:
    counts = {"LCP 1000": 5, "LCP 3000": 3, "LCP 9000": 2, "CLS 0": 1, "made_up 1": 7}
    lcp, cls = summarize(counts)
    assert (lcp.p75, lcp.samples, lcp.good, lcp.fair, lcp.poor) == (3000, 10, 50.0, 30.0, 20.0)
    assert lcp.metric.rating(lcp.p75) == "fair"
    assert (cls.metric.name, cls.p75) == ("CLS", 0)
    assert quantile([(1.0, 3), (2.0, 1)], 0.75) == 1.0


@pytest.mark.parametrize(
    "name", ["LCP x", "LCP x 1224", "LCP", "*", "", " ", " 7", "LCP nan", "LCP inf", "made_up 1"]
)
def test_names_that_are_not_bins_of_a_known_metric_are_not_measurements(name: str) -> None:
    counts = {name: 3, "LCP 1000": 5}
    assert known_bins(counts) == {"LCP 1000": 5}
    assert [(each.metric.name, each.samples) for each in summarize(counts)] == [("LCP", 5)]
