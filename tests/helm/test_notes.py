"""The notes that Helm prints after an installation, word for word."""

from pathlib import Path

import pytest

from tests.helm.chart import EXAMPLES, example, notes

GOLDEN = Path(__file__).parent / "notes"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_notes_say_how_to_send_the_first_event(name: str) -> None:
    assert notes(example(name)).strip() == (GOLDEN / f"{name}.txt").read_text().strip()
