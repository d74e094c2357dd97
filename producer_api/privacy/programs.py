"""Why a request looks like a program's: its user agent, by kept lists, and what Chromium says about itself."""

import re
from typing import Literal

from crawleruseragents import is_crawler

Reason = Literal["crawler", "headless", "script", "missing"]

_HEADLESS = re.compile(r"headless|phantomjs|selenium|webdriver|puppeteer|playwright|cypress", re.IGNORECASE)
_SCRIPT = re.compile(
    r"(?:curl|wget|httpie|python|aiohttp|go-http|java/|node|undici|axios|ruby|php|perl|libwww|postman)",
    re.IGNORECASE,
)
# On the list, but people use them: applications of a phone send with the first, pages open in the others.
_PEOPLE = re.compile(r"^(?:okhttp/|CFNetwork/|Dalvik/)|^Mozilla/.*\b(?:WhatsApp|Viber)/")
# What browsers have in common. Most have nothing else, so that the fifteen hundred patterns need not be tried.
_USUAL = re.compile(
    r"Mozilla/5\.0|AppleWebKit/[\d.]+|\(KHTML, like Gecko\)|Windows NT [\d.]+; Win64; x64|X11; Linux x86_64"
    r"|Macintosh; Intel Mac OS X [\d_.]+|CPU (?:iPhone )?OS [\d_]+ like Mac OS X|Linux; Android [\d.]+; K\b"
    r"|\((?:iPhone|iPad); |(?<![-\w])Mobile(?![-\w/])"
    r"|(?<![-\w])(?:Chrome|Safari|Version|Mobile|Edg|Firefox|Gecko|OPR|CriOS|rv)[/:][\dA-Z.]+(?![-\w])"
)
_WORD = re.compile(r"\w")
# Chromium without a window names itself in Sec-CH-UA, whatever its User-Agent says.
HIDDEN_HEADLESS = " HeadlessChrome"


def with_client_hints(user_agent: str, brands: str | None) -> str:
    """The user agent, which says `HeadlessChrome` also if only the brands of `Sec-CH-UA` do."""
    return user_agent + HIDDEN_HEADLESS if brands and _HEADLESS.search(brands) else user_agent


def reason(user_agent: str, *, is_spider: bool) -> Reason | None:
    """Why it looks like a program; None for a person. `is_spider` is what the parser of user agents says."""
    if not user_agent:
        return "missing"
    if is_spider:
        return "crawler"
    if _HEADLESS.search(user_agent):
        return "headless"
    if _SCRIPT.match(user_agent):
        return "script"
    rest = _USUAL.sub("", user_agent)
    return "crawler" if _WORD.search(rest) and is_crawler(rest) and not _PEOPLE.search(user_agent) else None
