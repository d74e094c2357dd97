"""Addresses inside texts: they lose what pages and referrers lose."""

import re
from collections import Counter
from collections.abc import Collection

from producer_api.privacy.path_tokens import PLACEHOLDER, without_path_tokens
from producer_api.privacy.urls import strip_url

# What ends an address in a text. Words are looked at as a whole, so that none is read twice.
_END = r"\s\"'<>`\\|{}^"
_WORD = re.compile(rf"[^{_END}]+")
_BEGINNING = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]{0,30}+://|(?<![\w/.:%-])/")
# A place in a file, and the end of a sentence, belong to the text.
_TAIL = re.compile(r"(?::\d{1,9}){0,2}[)\],.;:!?]*\Z")
_MAX_TAIL = 40
# Only such texts have an address that can lose something.
_may_lose = re.compile(r"[?#;@(]|%3[bB]").search


def reduce_urls(text: str, counts: Counter[str], allowed_parameters: Collection[str] = ()) -> str:
    """The text with its addresses reduced: without credentials, session ids, query, fragment and tokens in paths.

    Only the tokens are counted, as they are for pages.
    """
    if "/" not in text:
        return text
    if _may_lose(text):
        text = _WORD.sub(lambda found: _reduced(found[0], allowed_parameters), text)
    reduced = without_path_tokens(text)
    if reduced != text:
        counts["token"] += reduced.count(PLACEHOLDER) - text.count(PLACEHOLDER)
    return reduced


def _reduced(word: str, allowed_parameters: Collection[str]) -> str:
    if "/" not in word or not _may_lose(word) or not (found := _BEGINNING.search(word)):
        return word
    tail = _TAIL.search(word, max(found.end(), len(word) - _MAX_TAIL))
    url = word[found.start() : tail.start() if tail else None]
    return word[: found.start()] + strip_url(url, allowed_parameters) + word[found.start() + len(url) :]
