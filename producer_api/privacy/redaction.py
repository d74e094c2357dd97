"""Texts without personal data and secrets: addresses, e-mail addresses, numbers, tokens.

They are recognised by their form, so some are missed: frontends should not send such values in the first place.
`tests/producer_api/privacy/test_redaction.py` measures both kinds of mistakes.
"""

import re
from collections import Counter
from collections.abc import Collection
from itertools import count
from typing import Any

from avro_schemas.validation.bounds import DEFAULT_MAX_LENGTH, MAX_NAME_LENGTH, MAX_NESTING, MAX_PROPERTIES
from producer_api.privacy.card_numbers import (
    MIN_CARD_NUMBER,
    is_card_number,
    redact_bank_accounts,
    redact_cards,
)
from producer_api.privacy.contacts import may_have_email, redact_emails, redact_ips, redact_phones
from producer_api.privacy.tokens import may_have_token, redact_tokens
from producer_api.privacy.url_texts import reduce_urls

# How often each pattern was replaced.
Counts = Counter[str]

# Everything that is looked for has one of these, or a long word. Most texts have neither.
_has_marks = re.compile(r"[\d@=\uff20\"]|:\s?'").search
_has_long_word = re.compile(r"(?<!\w)\w{16}|earer|EARER|PRIVATE").search
_MIN_LONG_WORD = 16
# So few characters that no placeholder makes them too many.
_MAX_SHORT_TEXT = 150
# Phone numbers have seven digits, cards and bank accounts more.
_has_number = re.compile(r"(?:\d\D{0,4}){6}\d").search
_has_long_number = re.compile(r"(?:\d\D{0,6}){12}\d").search
# IP addresses have four, in four numbers.
_has_ip = re.compile(r"\d\.\d{1,3}\.\d|[23][\da-fA-F]{3}:").search
# Those of browsers. Which browser it is stands in the event's `device`.
_USER_AGENT = re.compile(
    r"Mozilla/\d\.\d(?:[ +](?:\([^()\r\n]{0,300}\)|[A-Za-z][\w.]{0,40}/[\w.+-]{1,60}|like Gecko|Mobile))+"
)


def is_suspicious(text: str) -> bool:
    """Whether a text may have something that is redacted."""
    return _has_marks(text) is not None or (len(text) >= _MIN_LONG_WORD and _has_long_word(text) is not None)


def redact(text: str, counts: Counts, allowed_parameters: Collection[str] = ()) -> str:
    """The text with `[email]`, `[token]` and so on in place of what was found, which is counted.

    Addresses in it lose what pages lose, but for the allowed parameters.
    """
    if not is_suspicious(text):
        return text
    length = len(text)
    text = reduce_urls(text, counts, allowed_parameters)
    if may_have_token(text):
        text = redact_tokens(text, counts, frozenset(allowed_parameters))
    if "Mozilla/" in text:
        text, found = _USER_AGENT.subn("[user agent]", text)
        counts.update({"user_agent": found} if found else {})
    if may_have_email(text):
        text = redact_emails(text, counts)
    if _has_number(text):
        text = redact_bank_accounts(text, counts)
        if _has_long_number(text):
            text = redact_cards(text, counts)
        text = redact_phones(text, counts)
    if _has_ip(text):
        text = redact_ips(text, counts)
    # A text that was as long as it may be must not be too long afterwards.
    return text[:length] if len(text) > length > _MAX_SHORT_TEXT else text


def redact_nested(
    value: Any, counts: Counts, allowed_parameters: Collection[str] = (), depth: int = MAX_NESTING + 2
) -> Any:
    """Free data of clients without personal data, also in names, and without numbers of cards.

    What is longer or nested deeper than in any valid event is left as it is: that event is rejected.
    """
    kind = type(value)
    if kind is str:
        if len(value) <= DEFAULT_MAX_LENGTH and is_suspicious(value):
            return redact(value, counts, allowed_parameters)
        return value
    if kind is int or kind is float:
        if value > MIN_CARD_NUMBER and is_card_number(value):
            counts["card"] += 1
            return "[card]"
        return value
    if not depth or not value:
        return value
    if kind is dict:
        if len(value) > MAX_PROPERTIES:
            return value
        redacted: dict[str, Any] = {}
        for name, item in value.items():
            redacted[redact_name(name, counts, redacted)] = redact_nested(
                item, counts, allowed_parameters, depth - 1
            )
        return redacted
    return (
        [redact_nested(item, counts, allowed_parameters, depth - 1) for item in value] if kind is list else value
    )


def redact_name(name: str, counts: Counts, taken: Collection[str]) -> str:
    """The name of a value without personal data, and unlike those that are taken."""
    if len(name) <= MAX_NAME_LENGTH and is_suspicious(name):
        return unused_name(redact(name, counts), taken)
    return name


def unused_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it if it is taken: no value may replace another."""
    if name not in taken:
        return name
    # Looking from 2 on for each of thousands of names would take seconds.
    first = 2 if len(taken) < MAX_PROPERTIES else len(taken)
    return next(f"{name} {number}" for number in count(first) if f"{name} {number}" not in taken)
