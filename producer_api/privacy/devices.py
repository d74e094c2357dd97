"""The user agent, reduced to classes."""

from functools import lru_cache

from ua_parser import parse

Device = dict[str, str]

UNKNOWN: Device = {"browser": "unknown", "system": "unknown", "kind": "unknown"}
_LONGEST = 500
_TABLETS = ("iPad", "Tablet", "Kindle")
_PHONE_SYSTEMS = frozenset({"iOS", "Android", "Windows Phone", "KaiOS"})


@lru_cache(maxsize=10_000)
def device(user_agent: str) -> Device:
    """Browser and system family and the kind of device. Do not change the result: it is shared."""
    if not user_agent:
        return UNKNOWN
    found = parse(user_agent[:_LONGEST])
    system = found.os.family if found.os else "unknown"
    family = found.device.family if found.device else ""
    browser = found.user_agent.family if found.user_agent else "unknown"
    return {"browser": browser[:50], "system": system[:50], "kind": _kind(user_agent, system, family)}


def _kind(user_agent: str, system: str, family: str) -> str:
    if family == "Spider":
        return "bot"
    if any(word in user_agent for word in _TABLETS) or (system == "Android" and "Mobile" not in user_agent):
        return "tablet"
    if system in _PHONE_SYSTEMS or "Mobile" in user_agent:
        return "mobile"
    return "unknown" if system in ("unknown", "Other") else "desktop"
