"""`context`: what a client says about where its events happened. Read once per event or envelope."""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any, NamedTuple

from avro_schemas.validation.bounds import MAX_FAULTS
from avro_schemas.validation.fault import Fault, child_pointer, describe_value, text_fault
from producer_api import sites
from producer_api.privacy.redaction import Counts, is_suspicious, redact
from producer_api.privacy.urls import normal_hostname

MAX_TEXT_LENGTH = 200
MAX_SCREEN_WIDTH = 100_000

_MAX_URL_LENGTH = 2_000
_MAX_LANGUAGE_LENGTH = 100
# Class names by the smallest width that is not in them any more, as CSS frameworks have them.
_SCREENS = ((576, "xs"), (768, "sm"), (992, "md"), (1200, "lg"), (1600, "xl"))
# The form of BCP 47, and of POSIX, which Java and Android use.
_TAG = re.compile(r"[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*(?:[.@][A-Za-z0-9-]*)*")
# Language, script, region. A language of one letter is a private one, or POSIX' `C`, and says nothing.
_LANGUAGE = re.compile(r"([A-Za-z]{2,8})(?:[-_][A-Za-z]{4})?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:[-_.@].*)?")
# Of what is cached: browsers send less than a hundred characters.
_MAX_HEADER_LENGTH = 200


class ClientContext(NamedTuple):
    """What a client said, in the form in which it is stored; texts are not redacted yet. None: it did not say."""

    site: str | None = None
    hostname: str | None = None
    route: str | None = None
    referrer: str | None = None
    language: str | None = None
    screen: str | None = None
    release: str | None = None

    def over(self, other: "ClientContext") -> "ClientContext":
        """This context, and the other's where this one says nothing."""
        if other is NO_CONTEXT:
            return self
        return ClientContext(*[mine if mine is not None else its for mine, its in zip(self, other, strict=True)])

    def redacted(self, redactions: Mapping[str, Counts]) -> "ClientContext":
        """This context without personal data in its texts. What was found is counted by field."""
        route, release = self.route, self.release
        if route and is_suspicious(route):
            route = redact(route, redactions["route"])
        if release and is_suspicious(release):
            release = redact(release, redactions["release"])
        return (
            self
            if route is self.route and release is self.release
            else self._replace(route=route, release=release)
        )


NO_CONTEXT = ClientContext()


def read_context(raw: Any, pointer: str, known_sites: Collection[str], found: list[Fault]) -> ClientContext:
    """The context that a client sent, with its faults in `found`. `known_sites` may be empty: any."""
    if raw is None:
        return NO_CONTEXT
    if type(raw) is not dict:
        found.append(Fault("type_mismatch", pointer, "an object", describe_value(raw)))
        return NO_CONTEXT
    values: dict[str, str | None] = {}
    for name, value in raw.items():
        if len(found) >= MAX_FAULTS:
            break
        where = child_pointer(pointer, name)
        read = _READERS.get(name)
        if read is None:
            found.append(Fault("field_unknown", where, _known(name), describe_value(value)))
        elif value is not None:
            read_value = read(value, where)
            if isinstance(read_value, Fault):
                found.append(read_value)
            else:
                values["screen" if name == "screen_width" else name] = read_value
    site = values.get("site")
    if site is not None and known_sites and site not in known_sites:
        expected = "one of " + ", ".join(sorted(known_sites))
        found.append(Fault("site_unknown", child_pointer(pointer, "site"), expected, describe_value(site)))
    return ClientContext(**values)


def screen_class(width: int) -> str | None:
    """The class of a screen by its width in pixels; None for a width that programs without a screen send."""
    if width <= 0:
        return None
    return next((name for limit, name in _SCREENS if width < limit), "xxl")


@lru_cache(maxsize=1_000)
def normal_language(tag: str) -> str | None:
    """The language of a BCP 47 tag and its region, such as `de` or `pt-BR`; None for anything else."""
    found = _LANGUAGE.fullmatch(tag.strip())
    if not found or not _TAG.fullmatch(tag.strip()):
        return None
    language, region = found[1].lower(), found[2]
    return f"{language}-{region.upper()}" if region else language


def preferred_language(accept_language: str) -> str | None:
    """The language that a browser prefers, from its header Accept-Language."""
    return _preferred_language(accept_language[:_MAX_HEADER_LENGTH])


@lru_cache(maxsize=10_000)
def _preferred_language(accept_language: str) -> str | None:
    best, best_weight = None, 0.0
    for entry in accept_language.split(","):
        tag, _, parameters = entry.partition(";")
        weight = _weight(parameters)
        if weight > best_weight and (language := normal_language(tag)):
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _known(name: str) -> str:
    meant = get_close_matches(name[:MAX_TEXT_LENGTH], _READERS, 1)
    return f'did you mean "{meant[0]}"?' if meant else "one of " + ", ".join(sorted(_READERS))


def _text(value: Any, pointer: str, max_length: int) -> str | Fault:
    if type(value) is not str:
        return Fault("type_mismatch", pointer, "text", describe_value(value))
    return text_fault(value, pointer, max_length) or value


def _short_text(value: Any, pointer: str, max_length: int = MAX_TEXT_LENGTH) -> str | Fault | None:
    text = _text(value, pointer, max_length)
    return text if isinstance(text, Fault) else text.strip() or None


def _formatted(
    value: Any, pointer: str, expected: str, max_length: int, read: Callable[[str], str | None]
) -> str | Fault | None:
    text = _short_text(value, pointer, max_length)
    if text is None or isinstance(text, Fault):
        return text
    return read(text) or Fault("format_invalid", pointer, expected, describe_value(value))


def _language(value: Any, pointer: str) -> str | Fault | None:
    """Whatever a browser may say is in order: a fault would cost all events of its user."""
    text = _short_text(value, pointer, _MAX_LANGUAGE_LENGTH)
    if text is None or isinstance(text, Fault):
        return text
    if not _TAG.fullmatch(text):
        return Fault("format_invalid", pointer, "a BCP 47 tag such as de or pt-BR", describe_value(value))
    return normal_language(text)


def _screen(value: Any, pointer: str) -> str | Fault | None:
    if type(value) is not int:
        return Fault("type_mismatch", pointer, "a whole number", describe_value(value))
    if not 0 <= value <= MAX_SCREEN_WIDTH:
        return Fault("out_of_range", pointer, f"0 to {MAX_SCREEN_WIDTH}", describe_value(value))
    return screen_class(value)


_READERS: Mapping[str, Callable[[Any, str], str | Fault | None]] = {
    "site": partial(_formatted, expected=sites.EXPECTED, max_length=50, read=sites.site_name),
    "hostname": partial(
        _formatted, expected="a host such as www.example.com", max_length=260, read=normal_hostname
    ),
    "route": _short_text,
    "referrer": partial(_short_text, max_length=_MAX_URL_LENGTH),
    "language": _language,
    "screen_width": _screen,
    "release": _short_text,
}
CONTEXT_FIELDS = tuple(_READERS)
