"""The user agent, reduced to a device class, and whether it looks like a program's."""

from functools import lru_cache
from typing import NamedTuple

from ua_parser import parse

from avro_schemas.live_aggregates import PROGRAM
from avro_schemas.wire.event_writer import write_device
from producer_api.privacy import programs
from producer_api.privacy.device_names import BROWSERS, OTHER, OTHER_BOT, SYSTEMS

# Longer user agents are cut before they are parsed.
MAX_USER_AGENT_LENGTH = 500


class Device(NamedTuple):
    """Families of browser and system, the kind of device, and why it looks like a program, if it does."""

    browser: str
    system: str
    kind: str
    bot: str | None


# A backend's own user agent says nothing about its users' devices.
UNKNOWN = Device("unknown", "unknown", "unknown", None)
_TABLETS = ("iPad", "Tablet", "Kindle")
_PHONE_SYSTEMS = frozenset({"iOS", "Android", "Windows Phone", "KaiOS"})


@lru_cache(maxsize=10_000)
def classify(user_agent: str) -> Device:
    """The device that a user agent describes."""
    if not user_agent:
        return UNKNOWN._replace(kind=PROGRAM, bot="missing")
    found = parse(user_agent[:MAX_USER_AGENT_LENGTH])
    system = found.os.family if found.os else "unknown"
    family = found.device.family if found.device else ""
    browser = found.user_agent.family if found.user_agent else "unknown"
    bot = programs.reason(user_agent, is_spider=family == "Spider")
    kind = PROGRAM if bot else _kind(user_agent, system)
    if browser not in BROWSERS:
        browser = OTHER_BOT if bot == "crawler" else OTHER
    return Device(browser, system if system in SYSTEMS else OTHER, kind, bot)


@lru_cache(maxsize=10_000)
def encoded_device(user_agent: str, *, only_bot: bool = False) -> bytes:
    """The same as Avro bytes; `only_bot` leaves out all but that and why it looks like a program."""
    device = classify(user_agent)
    kind = PROGRAM if device.bot else UNKNOWN.kind
    return write_device(*(UNKNOWN._replace(kind=kind, bot=device.bot) if only_bot else device))


def _kind(user_agent: str, system: str) -> str:
    if any(word in user_agent for word in _TABLETS) or (system == "Android" and "Mobile" not in user_agent):
        return "tablet"
    if system in _PHONE_SYSTEMS or "Mobile" in user_agent:
        return "mobile"
    return "unknown" if system in ("unknown", "Other") else "desktop"
