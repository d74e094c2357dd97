"""Bodies, origins, hashes and repeats: the pure pieces around a request."""

import gzip

import pytest

from producer_api.errors import Refused, status_of
from producer_api.intake import body
from producer_api.intake.recent_ids import RecentIds, digest
from producer_api.privacy.devices import device
from producer_api.privacy.hashes import DAY_MS, Hasher
from producer_api.senders import origin
from tests.support.events import NOON


def refusal(call: object, *arguments: object) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        call(*arguments)  # type: ignore[operator] # a function, which the test passes
    return status_of(refused.value.fault.code), refused.value.fault.code


def test_gzip_is_undone_up_to_the_limit() -> None:
    assert body.unpack(gzip.compress(b"[1]"), "gzip", 100) == b"[1]"
    assert body.unpack(b"[1]", "", 100) == b"[1]"
    assert refusal(body.unpack, gzip.compress(b"0" * 10_000_000), "gzip", 1000) == (413, "body_too_large")
    assert refusal(body.unpack, b"not gzip", "gzip", 100) == (400, "gzip_invalid")
    assert refusal(body.unpack, gzip.compress(b"[1]")[:-4], "gzip", 100) == (400, "gzip_invalid")
    assert refusal(body.unpack, b"x", "br", 100) == (415, "media_type_unsupported")


@pytest.mark.parametrize("text", ["{", "", "NaN", "[1e999]", '"\\ud800"', "{'a': 1}", "\ufeff[]"])
def test_what_is_not_json_is_refused(text: str) -> None:
    assert refusal(body.parse, text.encode()) == (400, "json_invalid")


def test_endless_brackets_are_too_deep() -> None:
    assert refusal(body.parse, b"[" * 100_000) == (400, "too_deep")
    assert refusal(body.parse, b"[" * 100_000 + b"]" * 100_000) == (400, "too_deep")


def test_the_time_of_sending_is_read_and_checked() -> None:
    assert body.sent_at_of({"events": [], "sent_at": "2026-01-01T12:00:00.001Z"}) == NOON + 1
    assert body.sent_at_of({"event_type": "click"}) is None
    assert body.sent_at_of([]) is None
    assert refusal(body.sent_at_of, {"sent_at": 5}) == (400, "timestamp_invalid")
    assert refusal(body.sent_at_of, {"sent_at": "1999-01-01T00:00:00Z"}) == (400, "timestamp_out_of_range")


def test_what_a_browser_dropped_is_read_and_checked() -> None:
    assert body.events_of({"events": [1], "sent_at": None, "sdk": "0.1.0", "dropped": 3}, 10) == ([1], False)
    assert body.dropped_of({"events": [1], "dropped": 3}) == 3
    assert body.dropped_of({"events": [1]}) == body.dropped_of([1]) == body.dropped_of({"dropped": 3}) == 0
    assert refusal(body.dropped_of, {"events": [1], "dropped": True}) == (400, "type_mismatch")
    assert refusal(body.dropped_of, {"events": [1], "dropped": -1}) == (400, "out_of_range")
    assert refusal(body.dropped_of, {"events": [1], "dropped": 10**9}) == (400, "out_of_range")


def test_a_single_event_a_list_and_an_envelope_are_told_apart() -> None:
    assert body.events_of({"event_type": "x"}, 10) == ([{"event_type": "x"}], True)
    assert body.events_of([1, 2], 10) == ([1, 2], False)
    assert body.events_of({"events": [1]}, 10) == ([1], False)
    assert refusal(body.events_of, {"events": [1], "batch": 7}, 10) == (400, "field_unknown")
    assert refusal(body.events_of, [], 10) == (400, "events_missing")
    assert refusal(body.events_of, "text", 10) == (400, "events_missing")
    assert refusal(body.events_of, {"events": {}}, 10) == (400, "events_missing")
    assert refusal(body.events_of, [1] * 11, 10) == (413, "too_many_events")


@pytest.mark.parametrize(
    ("from_origin", "site", "passes"),
    [
        pytest.param(None, None, True, id="curl"),
        pytest.param("https://app.example", "same-origin", True, id="own page"),
        pytest.param("https://app.example", None, True, id="own page, old browser"),
        pytest.param("https://friend.example", "cross-site", True, id="listed"),
        pytest.param("https://evil.example", "cross-site", False, id="foreign"),
        pytest.param("https://evil.example", None, False, id="foreign, old browser"),
        pytest.param("https://other.app.example", "same-site", False, id="sibling that is not listed"),
        pytest.param(None, "cross-site", False, id="foreign without origin"),
        pytest.param("null", "cross-site", False, id="sandboxed"),
    ],
)
def test_pages_of_other_sites_may_post_only_if_listed(
    from_origin: str | None, site: str | None, passes: bool
) -> None:
    arguments = (from_origin, site, "app.example", ("https://friend.example",))
    if passes:
        origin.require_allowed(*arguments)
    else:
        assert refusal(origin.require_allowed, *arguments) == (403, "origin_not_allowed")


def test_hashes_need_the_key_and_an_address_has_another_one_each_day() -> None:
    one, other = Hasher("key one"), Hasher("key two")
    assert one.user_key("ann") == one.user_key("ann") != other.user_key("ann")
    assert one.user_key("ann") != one.session_key("ann")
    assert one.ip_hash("10.0.0.1", 5 * DAY_MS) == one.ip_hash("10.0.0.1", 6 * DAY_MS - 1)
    assert one.ip_hash("10.0.0.1", 5 * DAY_MS) != one.ip_hash("10.0.0.1", 6 * DAY_MS)
    assert len(one.user_key("ann")) == 16


def test_a_repeat_is_known_by_sender_id_and_content() -> None:
    recent, content = RecentIds(most=2), digest({"a": 1, "b": 2})
    assert recent.meet(b"ann", "evt_1", content) == "new"
    recent.remember(b"ann", "evt_1", content)
    assert recent.meet(b"ann", "evt_1", digest({"b": 2, "a": 1})) == "repeat"
    assert recent.meet(b"ann", "evt_1", digest({"a": 2})) == "conflict"
    assert recent.meet(b"bob", "evt_1", content) == "new"
    recent.remember(b"ann", "evt_2", content)
    recent.remember(b"ann", "evt_3", content)
    assert recent.meet(b"ann", "evt_1", content) == "new"  # bounded


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        ("", "unknown"),
        ("curl/8.5.0", "unknown"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36", "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1", "tablet"),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36",
            "mobile",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
    ],
)
def test_devices_are_classes(user_agent: str, kind: str) -> None:
    assert device(user_agent).kind == kind


@pytest.mark.parametrize(
    ("user_agent", "bot"),
    [
        ("", "missing"),
        ("curl/8.5.0", "script"),
        ("python-requests/2.32", "script"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/142.0.0.0 Safari/537.36", "headless"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0", None),
    ],
)
def test_programs_are_labelled_with_the_reason(user_agent: str, bot: str | None) -> None:
    assert device(user_agent).bot == bot
