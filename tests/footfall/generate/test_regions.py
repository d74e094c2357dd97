"""A generator writes only between the markers of a page, and a page without its markers is an error."""

import pytest

from footfall.generate.regions import RegionError, fill

PAGE = """\
# Settings

Prose.

<!-- generated: kafka -->
old
<!-- end -->

More prose.
<!-- generated: sinks -->
<!-- end -->
"""
REGIONS = {"kafka": ["| a |", "| b |"], "sinks": ["| c |"]}


def test_only_the_lines_between_the_markers_are_replaced() -> None:
    assert fill("page.md", PAGE, REGIONS) == (
        "# Settings\n\nProse.\n\n"
        "<!-- generated: kafka -->\n\n| a |\n| b |\n\n<!-- end -->\n\n"
        "More prose.\n"
        "<!-- generated: sinks -->\n\n| c |\n\n<!-- end -->\n"
    )


def test_filling_a_page_again_changes_nothing() -> None:
    filled = fill("page.md", PAGE, REGIONS)
    assert fill("page.md", filled, REGIONS) == filled


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            PAGE.replace("sinks", "sink"),
            "page.md: nothing generates the region `sink`. This page has `kafka`, `sinks`.",
            id="unknown",
        ),
        pytest.param(
            PAGE.partition("More")[0],
            "page.md: the region `sinks` is missing. Add a line `<!-- generated: sinks -->` and, below it, a line `<!-- end -->`.",
            id="missing",
        ),
        pytest.param(
            PAGE.replace("generated: sinks", "generated: kafka"),
            "page.md: the region `kafka` is there twice.",
            id="twice",
        ),
        pytest.param(
            PAGE.replace("<!-- end -->\n\n", "\n"),
            "page.md: the region `kafka` has no `<!-- end -->`.",
            id="another region begins before the end",
        ),
        pytest.param(
            PAGE.rstrip().removesuffix("<!-- end -->"),
            "page.md: the region `sinks` has no `<!-- end -->`.",
            id="the page ends before the end",
        ),
        pytest.param(
            "<!-- end -->\n" + PAGE,
            "page.md: `<!-- end -->` without a `<!-- generated: NAME -->` above it.",
            id="an end without a beginning",
        ),
    ],
)
def test_a_page_that_does_not_have_the_regions_is_an_error_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(RegionError) as raised:
        fill("page.md", text, REGIONS)
    assert str(raised.value) == message
