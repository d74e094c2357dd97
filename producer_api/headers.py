"""Every header that the collector reads or sends, with what it is for."""

from collections.abc import Mapping
from types import MappingProxyType

REQUEST: Mapping[str, str] = MappingProxyType(
    {
        "Authorization": "`Bearer` and a session, where no cookie has one.",
        "Content-Encoding": "`gzip`, or none.",
        "Content-Length": "A body that is announced too large is refused before it is read.",
        "Content-Type": "`application/json` or `text/plain` (JSON all the same, without a preflight).",
        "Cookie": "The session, or the signed cookie of an anonymous visitor.",
        "DNT": "`1`: the event is kept without user, session and address.",
        "Footfall-Key": "The key of a backend, from `FOOTFALL_BACKEND_KEYS`.",
        "Footfall-Session": "The session that a backend sends for.",
        "Footfall-User": "The user that a backend sends for.",
        "Host": "Pages of this host may post.",
        "Origin": "Pages of other origins may post if `FOOTFALL_ALLOWED_ORIGINS` lists them.",
        "Sec-Fetch-Site": "`cross-site` without an allowed `Origin` is refused.",
        "Sec-GPC": "`1`: the event is kept without user, session and address.",
        "traceparent": "Goes along as a header of the record.",
        "User-Agent": "Kept as browser, system and class of device; tells programs by their reason.",
    }
)

RESPONSE: Mapping[str, str] = MappingProxyType(
    {
        "Access-Control-Allow-Credentials": "To pages of an allowed origin: cookies may go along.",
        "Access-Control-Allow-Headers": "In answer to a preflight: the headers that may be sent.",
        "Access-Control-Allow-Methods": "In answer to a preflight: `POST`.",
        "Access-Control-Allow-Origin": "To pages of an allowed origin: they may read the answer.",
        "Access-Control-Expose-Headers": "The headers that such pages may read.",
        "Access-Control-Max-Age": "How long a preflight holds, in seconds.",
        "Allow": "With 405: the methods there are.",
        "Content-Length": "Of the answer.",
        "Content-Type": "`application/json`.",
        "RateLimit": "The limit that is nearest: `r` events are left, `t` seconds until more are.",
        "RateLimit-Policy": "That limit: `q` events in `w` seconds.",
        "Retry-After": "With 429 and 503, and where events of a list wait: seconds to wait.",
        "Set-Cookie": "The cookie of a new anonymous visitor, or a longer life for it.",
        "Vary": "`Origin`, for caches.",
    }
)
