"""Tokens in the paths of links that reset a password, confirm an address, log somebody in or accept an invitation.

`/reset/MQ/c2w8rk-8f1e4d2c9b7a/` has one, as a segment that looks random follows a word of such links. Hashes and
UUIDs behind other words (`/commit/…`, `/orders/…`) stay.
"""

import re

PLACEHOLDER = "[token]"

# Whatever looks random behind these is a token.
_STRONG = (
    "reset|passw|pwd|recover|forgot|activat|confirm|verif|validat|magic|invit|unsubscri|optout|opt-out|opt_out|token"
    "|unlock|enrol|secret|passcode|otp|one-time|one_time|lost-pw|oauth|impersonat|checkouts|action-link"
)
# Behind these, UUIDs and short names are not.
_WEAK = (
    "login|log-in|log_in|logon|signin|sign-in|sign_in|signup|sign-up|sign_up|regist|auth|sso|callback|sess|sid|join"
    "|claim|redeem|ticket|share|welcome|blobs|representations|preferences|approv|rsvp|deeplink|2fa|mfa"
)
_WORDS = tuple(f"{_STRONG}|{_WEAK}".split("|"))
# A segment that is long enough, behind another.
_has_segment = re.compile(r"/[^/\s]+/[^/\s]{6}").search
_IS_STRONG = re.compile(_STRONG).search
_IS_WEAK = re.compile(rf"(?<![a-z])(?:{_WEAK})").search
# Where a path, or the path of a hash route, begins and ends.
_PATH = re.compile(r"/[^\s?#\"'<>`\\|{}^,]+")
# How many segments behind the word are looked at: `/user/reset/UID/TIMESTAMP/HASH` has the most.
_MAX_DISTANCE = 3
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# Of contracts and wallets, which are public.
_CHAIN_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40,}")
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}(?:T[\d:.-]+Z?)?")
_SEPARATOR = re.compile(r"[-_.:=~|+!*$]|%[0-9A-Fa-f]{2}")
_DIGIT_AND_LETTER = re.compile(r"(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
_SMALL_AND_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Names of files that have no secret, whatever hash is in them.
_ASSET = re.compile(
    r"\.(?:m?js|css|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|mp4|wasm)(?::|$)", re.IGNORECASE
)
_ONE_TIME_CODE = re.compile(r"\d{6,8}")
_TAKES_CODES = re.compile(r"otp|passcode|one-time|one_time|verif|2fa|mfa").search


def without_path_tokens(text: str) -> str:
    """The text, or the address, with `[token]` for the tokens in its paths."""
    if not _has_segment(text) or not any(map(text.lower().__contains__, _WORDS)):
        return text
    return _PATH.sub(lambda found: _reduced(found[0]), text)


def _reduced(path: str) -> str:
    segments = path.split("/")
    # The last word so far, and whether it is a strong one.
    word, is_strong = -1, False
    for at, segment in enumerate(segments):
        if not segment:
            continue
        near = 0 < at - word <= _MAX_DISTANCE and word >= 0
        if near and _is_token(segment, segments[word].lower(), is_strong=is_strong):
            # Users' ids stand between the word and the token.
            for between in range(word + 1, at + 1):
                segments[between] = PLACEHOLDER
            word = at
            continue
        lower = segment.lower()
        if looks_random(segment):
            continue
        if _IS_STRONG(lower):
            word, is_strong = at, True
        elif _IS_WEAK(lower) and not (near and is_strong):
            word, is_strong = at, False
    return "/".join(segments)


def _is_token(segment: str, word: str, *, is_strong: bool) -> bool:
    if segment == PLACEHOLDER:
        return False
    if _ONE_TIME_CODE.fullmatch(segment):
        return _TAKES_CODES(word) is not None
    if _UUID.fullmatch(segment):
        return is_strong
    if _CHAIN_ADDRESS.fullmatch(segment) or _DATE.fullmatch(segment) or _ASSET.search(segment):
        return False
    return looks_random(segment, min_length=8 if is_strong else 20)


def looks_random(text: str, min_length: int = 12) -> bool:
    """Whether a word is unlike what people write: digits, small letters and capitals change too often."""
    joined = _SEPARATOR.sub("", text)
    if len(joined) < min_length:
        return False
    mixed, cases = len(_DIGIT_AND_LETTER.findall(joined)), len(_SMALL_AND_CAPITAL.findall(joined))
    if len(joined) < 12:
        return mixed >= 2 and cases >= 1
    if len(joined) == len(text) and len(text) >= 20 and text.isascii() and text.isalpha():
        return True
    return mixed >= 3 or (mixed >= 1 and cases >= 2) or (cases >= 4 and len(joined) >= 16)
