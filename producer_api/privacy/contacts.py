"""E-mail addresses, phone numbers and IP addresses in texts."""

import ipaddress
import re
from collections import Counter

from producer_api.privacy.card_numbers import is_book_number, is_product_number

Counts = Counter[str]

# An at sign, also as URLs, JSON and HTML have it.
_AT = r"(?:[@\uff20]|%(?:25)*40|(?<!\\)\\+u0040|&#0*64;|&#[xX]0*40;|&commat;)"
may_have_email = re.compile(r"[@\uff20%&\\]").search
# The lookbehind makes each run of characters match from its start only. Without it, matching would be quadratic in
# the length of the text. The last part of a domain has letters only, so `vue@3.4.21` is none.
_EMAIL = re.compile(
    rf"(?<![\w.+'\u2019-])(?:[\w.+'\u2019-]|%2[bB])+{_AT}[\w-]+(?:\.[\w-]+)*\.([^\W\d_]{{2,24}}|xn--[\w-]+)(?![\w-])"
)
_QUOTES = ".'\u2019-+"
# Names of files that follow an at sign: `hero@2x.png`, `render@app.js`.
_FILE_TYPES = """png jpg jpeg gif webp svg avif ico bmp tiff heic js mjs cjs jsx ts tsx css scss
    less map json html htm vue svelte wasm php xml yaml yml txt woff woff2 ttf otf eot mp4 webm mp3 pdf zip
    tgz gz jar war dll exe lock"""
_FILES = frozenset(_FILE_TYPES.split())
# Of repositories, which are nobody's: git@github.com.
_PROGRAMS = ("git", "hg", "svn")
_VERSION = re.compile(rf"{_AT}v?\d+\.\d+")

_GAP = r"(?:[ ()./\u00a0\u00ad\u2009\u202f\u2010-\u2015\u2212-]|%20|%C2%A0)"
_PHONE = re.compile(
    r"(?=[+%(0-9])(?:"
    rf"(?:\+(?<![\w+]\+)|%2[bB])[1-9](?:{_GAP}{{0,4}}+\d){{7,14}}(?!\d)"  # +49 30 1234567
    rf"|(?<![\w.,:+/-])(?<!\d )00[ -]?[1-9](?:{_GAP}{{0,3}}+\d){{8,13}}(?![\w])"  # 0049 30 1234567
    r"|(?<![\w.+-])(?:1[ .-])?\(\d{3}\)[ \u00a0]?\d{3}[ .\u2010-\u2015-]\d{4}(?!\d)"  # (555) 123-4567
    r"|(?<![\w.+/-])(?<!\d )(?:1[ .-])?\d{3}([ .\u00a0\u2010-\u2015-])\d{3}\1\d{4}(?![\w-])(?! \d)"  # 555-123-4567
    # 030 1234567
    rf"|(?<![\w.,:+/=-])(?<!\d )\(?0[1-9]\d{{0,4}}(?:{_GAP}{{1,3}}+\d{{2,8}}){{1,5}}(?![\w:-])(?!\.\d)"
    # Mobile numbers of Britain, Germany and France, without any gap: 07700900123
    r"|(?<![\w.,:+/=#-])(?<!\d )(?<![a-z]\. )0(?:7\d{9}|1[5-7]\d{8,9}|[67]\d{8})(?![\w-])(?!\.\d))"
)
# A number without any such form, behind a word that says what it is.
_NAMED_PHONE = re.compile(
    r"(?i:(?<![a-z])(?:tele?(?:phone?|fon)?s?|phone|mobile?|cell(?: ?phone|(?=[:=]))|fax|whatsapp|handy|sms"
    r"|t[eé]l[eé]phone|tel[eé]fono|call (?:me|us)(?: (?:at|on|back))?|msisdn)(?:[ _.-]?(?:number|no|nr|num))?)"
    r"[\"']?\s?(?:[.:=#]|\bis\b|%3[dD]|%3[aA])?\s?[\"'(]?"
    rf"(\+?\d(?:{_GAP}{{0,3}}+\d){{6,14}})(?![\w])(?!\.\d)"
)
_has_phone_word = re.compile("tel|phone|mobil|cell|fax|whatsapp|handy|tél|sms|call |msisdn").search
_DATE = re.compile(r"\(?0\d[ ./-][01]?\d[ ./-](?:19|20)\d\d")
_GROUPS = re.compile(r"\d+")

_IPV4 = re.compile(r"(?<![\w.@/+~^-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9a-fA-F]{3}:[0-9a-fA-F:]{3,35}(?![\w:])")
_VERSION_WORD = re.compile(r"(?i:\b(?:v|ver|version|release|build|update[ds]?|upgrade[ds]?|driver)[ :=]*\Z)")
# Networks that are nobody's; those for documentation stand for real ones.
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
)
_MAX_UNICAST = 223
# Versions have small numbers, addresses hardly ever four of them.
_MAX_VERSION = 64


def redact_emails(text: str, counts: Counts) -> str:
    """The text with `[email]` for e-mail addresses."""

    def replace(found: re.Match[str]) -> str:
        local = re.split(_AT, found[0])[0]
        if found[1].lower() in _FILES or local.lstrip(_QUOTES).lower() in _PROGRAMS or _VERSION.search(found[0]):
            return found[0]
        counts["email"] += 1
        return found[0][: len(local) - len(local.lstrip(_QUOTES))] + "[email]"

    return _EMAIL.sub(replace, text)


def redact_phones(text: str, counts: Counts) -> str:
    """The text with `[phone]` for phone numbers: international ones, and forms that many countries write."""

    def replace(found: re.Match[str]) -> str:
        if not _is_phone(found[0]):
            return found[0]
        counts["phone"] += 1
        return "[phone]"

    def replace_named(found: re.Match[str]) -> str:
        counts["phone"] += 1
        return found[0][: found.start(1) - found.start()] + "[phone]"

    text = _PHONE.sub(replace, text)
    return _NAMED_PHONE.sub(replace_named, text) if _has_phone_word(text.lower()) else text


def _is_phone(text: str) -> bool:
    """Whether what has the form of a phone number may be one."""
    groups = _GROUPS.findall(text.removeprefix("%2b").removeprefix("%2B").replace("%20", " "))
    digits = "".join(groups)
    if text.startswith("00"):
        # Numbers of products are padded with zeros.
        return 11 <= len(digits) <= 15 and not (
            len(groups) == 1 and len(digits) == 13 and is_product_number(digits)
        )
    if not digits.startswith("0"):
        return True
    if _DATE.match(text) or not 9 <= len(digits) <= 12 or (len(groups) == 1 and is_book_number(digits)):
        return False
    sizes = [len(group) for group in groups]
    # A serial number, 0123-4567-8901, or a version, 03.05.00.1234.
    return len(sizes) < 3 or (set(sizes) != {4} and ("." not in text or set(sizes) == {2}))


def redact_ips(text: str, counts: Counts) -> str:
    """The text with `[ip]` for IP addresses of the internet, but not for hosts of URLs."""

    def replace(found: re.Match[str]) -> str:
        before = text[max(0, found.start() - 16) : found.start()]
        if not (_is_ipv6(found[0]) if ":" in found[0] else _is_ipv4(found[0], before)):
            return found[0]
        counts["ip"] += 1
        return "[ip]"

    if text.count(".") >= 3:
        text = _IPV4.sub(replace, text)
    return _IPV6.sub(replace, text) if text.count(":") >= 2 else text


def _is_ipv4(text: str, before: str) -> bool:
    numbers = [int(number) for number in text.split(".")]
    if max(numbers) > 255 or not 1 <= numbers[0] <= _MAX_UNICAST or max(numbers) < _MAX_VERSION:
        return False
    if any(len(number) > 1 and number.startswith("0") for number in text.split(".")):
        return False
    # Chrome 143.0.0.0; driver version 31.0.15.113; 8.0.100.0.
    if numbers[1:3] == [0, 0] or numbers[3] == 0 or _VERSION_WORD.search(before):
        return False
    return not any(ipaddress.IPv4Address(text) in network for network in _PRIVATE)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
