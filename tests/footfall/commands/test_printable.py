"""What strangers sent does nothing to the terminal of the person who looks at it."""

import json

from footfall.commands.dead_letters import _show_last
from footfall.commands.printable import printable, printable_lines

ATTACK = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202egnp\n\r\x7fé ☃"


def test_active_characters_are_escaped_and_others_are_not() -> None:
    shown = printable(ATTACK)
    assert shown.isprintable()
    assert shown.endswith("é ☃")
    assert json.loads(f'"{shown}"') == ATTACK


def test_json_stays_the_same_json() -> None:
    sent = {"body": ATTACK, "more": [ATTACK]}
    assert json.loads(printable(json.dumps(sent, ensure_ascii=False))) == sent
    lines = printable_lines(json.dumps(sent, indent=2, ensure_ascii=False))
    assert json.loads(lines) == sent
    assert all(line.isprintable() for line in lines.split("\n"))


def test_rejected_events_are_shown_without_their_controls(capsys: object) -> None:
    error = {"pointer": ATTACK, "code": "x", "expected": ATTACK, "got": ATTACK}
    _show_last([{"position": "0:1", "rejected_at": "now", "reason": "x", "errors": [error], "body": ATTACK}])
    shown = capsys.readouterr().out  # type: ignore[attr-defined] # pytest's fixture
    assert all(line.isprintable() for line in shown.split("\n"))
    assert len(shown.strip().split("\n")) == 3
