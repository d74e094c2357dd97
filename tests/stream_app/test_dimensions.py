"""Names say what counts have in common, and nothing that is not a measure is measured."""

import math

import pytest

from stream_app.dimensions import fingerprint, measured, successful


def test_the_same_error_has_one_fingerprint_whatever_its_numbers() -> None:
    first = fingerprint("TypeError", "row 17 of 400 is null", "https://example.org/static/app.js")
    assert first == fingerprint("TypeError", "row 3 of 9 is null", "https://example.org/other/app.js")
    assert first == "TypeError: row # of # is null (app.js)"
    assert fingerprint(None, "boom", None) == "Error: boom"


@pytest.mark.parametrize("value", [0.0, 1e-12, 0.07, 1.0, 99.0, 1234.5, 60_000.0, 1e9])
def test_a_measure_is_named_by_a_value_within_two_per_cent(value: float) -> None:
    name = measured("LCP", value)
    assert name is not None
    metric, about = name.split()
    assert metric == "LCP"
    assert float(about) == pytest.approx(value, rel=0.021)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_what_is_no_measure_has_no_name(value: float) -> None:
    assert measured("LCP", value) is None


def test_a_form_that_was_not_taken_is_no_success() -> None:
    assert [successful("signup", success) for success in (True, False, None)] == ["signup", None, None]
