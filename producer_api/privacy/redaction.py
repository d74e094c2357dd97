"""Texts without personal data and secrets: e-mail addresses, phone and card numbers, tokens.

They are recognised by their form, so some are missed: frontends should not send such values in the first place.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection
from itertools import count
from typing import Any

from avro_schemas.validation.bounds import MAX_NESTING

# How often each pattern was replaced.
Counts = Counter[str]

# Every pattern needs a digit or an @. Most texts have neither, so one search is enough for them.
is_suspicious = re.compile(r"[0-9@]|%40").search
# The lookbehinds make each run of characters match from its start only. Without them, matching would be quadratic
# in the length of the text.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(
    r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JWT
    r"|(?<![\w-])(?:sk|pk|rk|ghp|gho|ghs|ghu|glpat|xox[abprs]|whsec)[_-][\w-]{16,}"  # keys of well-known services
    r"|(?<![\w-])AKIA[0-9A-Z]{16}\b"
    r"|(?i:\bbearer\s+)[\w.~+/-]{16,}=*"
)
_CARD = re.compile(r"(?<![\d.])[2-6](?:[ -]?\d){12,18}(?![\d.]?\d)")
_PHONE = re.compile(
    r"(?<![\w+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)"  # international
    r"|(?<![\w.+-])\(\d{3}\) ?\d{3}[ .-]\d{4}(?!\d)"  # (555) 123-4567
    r"|(?<![\w.+/-])\d{3}([ .-])\d{3}\1\d{4}(?![\w-])"  # 555-123-4567
)
_MIN_CARD_NUMBER = 10**12
_CARD_NUMBERS = range(_MIN_CARD_NUMBER, 10**19)


def redact(text: str, counts: Counts) -> str:
    """The text with `[email]`, `[token]`, `[card]` and `[phone]` in place of what was found, which is counted."""
    if not is_suspicious(text):
        return text
    text = _TOKEN.sub(_replace_with("token", counts), text)
    text = _EMAIL.sub(_replace_with("email", counts), text)
    text = _CARD.sub(lambda found: _replace_card(found, counts), text)
    return _PHONE.sub(_replace_with("phone", counts), text)


def redact_nested(value: Any, counts: Counts, depth: int = MAX_NESTING + 2) -> Any:
    """Free data of clients without personal data, also in names, and without numbers of cards.

    What is nested deeper than any event may be is left as it is: it is rejected.
    """
    kind = type(value)
    if kind is str:
        return redact(value, counts) if is_suspicious(value) else value
    if kind is int:
        if value > _MIN_CARD_NUMBER and is_card_number(value):
            counts["card"] += 1
            return "[card]"
        return value
    if not depth or not value:
        return value
    if kind is dict:
        redacted: dict[str, Any] = {}
        for name, item in value.items():
            if is_suspicious(name):
                name = _unused(redact(name, counts), redacted)
            redacted[name] = redact_nested(item, counts, depth - 1)
        return redacted
    return [redact_nested(item, counts, depth - 1) for item in value] if kind is list else value


def _unused(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it if it is taken: no value may replace another."""
    if name not in taken:
        return name
    return next(f"{name} {number}" for number in count(2) if f"{name} {number}" not in taken)


def is_card_number(number: int) -> bool:
    """Whether a whole number has the length, the first digit and the check digit of a card number."""
    return number in _CARD_NUMBERS and "2" <= str(number)[0] <= "6" and _passes_luhn(str(number))


def _replace_with(pattern: str, counts: Counts) -> Callable[[re.Match[str]], str]:
    def replace(_found: re.Match[str]) -> str:
        counts[pattern] += 1
        return f"[{pattern}]"

    return replace


def _replace_card(found: re.Match[str], counts: Counts) -> str:
    digits = re.sub(r"\D", "", found[0])
    if not _passes_luhn(digits):
        return found[0]
    counts["card"] += 1
    return "[card]"


def _passes_luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1)."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(int(digit) for digit in digits[::-2]) + sum(d - 9 if d > 9 else d for d in doubled)) % 10 == 0
