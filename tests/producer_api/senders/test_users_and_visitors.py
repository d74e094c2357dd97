"""Who sends a request: a user with a session, a browser with a cookie, or both."""

import time
from collections.abc import Mapping

import pytest

from producer_api.errors import RequestRejected
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.senders.authenticate import Authenticator
from producer_api.senders.visitors import COOKIE, SECURE_COOKIE, Visitor, VisitorCookies
from producer_api.settings import Settings
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from tests.support.session_tokens import SECRET, token

HASHER = Hasher("a hash key for tests")
COOKIES = VisitorCookies(HASHER.derived_key("visitor"), 180)
OPT_OUTS = [{"sec-gpc": "1"}, {"dnt": "1"}]
BACKEND_KEY = "a-key-of-a-backend-for-these-tests"
SESSION = f"session={token(sid='s', exp=int(time.time()) + 7_200)}"


def visitor_cookie(visitor_id: str, days_left: float = 180) -> str:
    made_at = time.time() - (180 - days_left) * 86_400
    header = COOKIES.set_cookie(Visitor(visitor_id, made_at), made_at, secure=True, other_site=False)
    return header.partition(";")[0]


class Collector:
    """The part of a collector that knows senders, and the id that its cookies name."""

    def __init__(self, *, anonymous_visitors: bool = True) -> None:
        self._authenticator = Authenticator(
            Settings(
                kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
                hash_key=Secret("a hash key for tests"),
                sessions=SessionSettings(session_key=Secret(SECRET)),
                anonymous_visitors=anonymous_visitors,
                backend_keys=Secret(f"billing={BACKEND_KEY}"),
            ),
            HASHER,
        )

    async def sender(
        self, *cookies: str, event_id: str | None = None, ip: str = "203.0.113.7", **headers: str
    ) -> Sender:
        sent: Mapping[str, str] = headers | ({"cookie": "; ".join(cookies)} if cookies else {})
        encoded = {name.replace("_", "-").encode(): value.encode() for name, value in sent.items()}
        request = Request(encoded, ip, is_secure=True)
        return self._authenticator.known_by_event(
            request, await self._authenticator.authenticate(request), event_id
        )


def named_by(sender: Sender) -> str:
    """The visitor whom the cookie of an answer names."""
    assert sender.set_cookie
    found = COOKIES.verify(sender.set_cookie.partition(";")[0].partition("=")[2], time.time())
    assert found
    return found.visitor_id


async def test_an_anonymous_visitor_has_a_visitor_id_and_no_session() -> None:
    collector = Collector()
    new = await collector.sender()
    assert (new.user_id, new.session_id, new.visitor_id) == (None, None, named_by(new))
    assert (await collector.sender()).visitor_id != new.visitor_id
    cookie = (new.set_cookie or "").partition(";")[0]
    for _ in range(2):  # the second time from the cache
        assert await collector.sender(cookie) == Sender(visitor_id=new.visitor_id)


async def test_a_user_has_the_id_of_the_browser_too() -> None:
    for _ in range(2):
        assert await Collector().sender(SESSION, visitor_cookie("v")) == Sender(
            user_id="ann", session_id="s", visitor_id="v"
        )


async def test_a_signed_in_browser_gets_a_cookie_whose_id_counts_when_it_comes_back() -> None:
    collector = Collector()
    sender = await collector.sender(SESSION)
    assert (sender.user_id, sender.session_id, sender.visitor_id) == ("ann", "s", None)
    visitor_id = named_by(sender)
    cookie = (sender.set_cookie or "").partition(";")[0]
    assert await collector.sender(SESSION, cookie) == Sender(user_id="ann", session_id="s", visitor_id=visitor_id)
    # A page that has its token from elsewhere is one too.
    assert named_by(await collector.sender(authorization=f"Bearer {token()}", origin="https://x", host="x"))


async def test_a_program_with_a_token_gets_no_cookie() -> None:
    assert await Collector().sender(authorization=f"Bearer {token(sid='s')}") == Sender(
        user_id="ann", session_id="s"
    )


async def test_a_cookie_is_renewed_with_the_same_id_after_half_of_its_life() -> None:
    old = visitor_cookie("v", days_left=80)
    for cookies in ((old,), (SESSION, old)):
        sender = await Collector().sender(*cookies)
        assert named_by(sender) == sender.visitor_id == "v"


@pytest.mark.parametrize(
    "cookies", [(), (SESSION,), (visitor_cookie("v", 80),), (SESSION, visitor_cookie("v", 80))]
)
@pytest.mark.parametrize("opt_out", OPT_OUTS)
async def test_who_opts_out_gets_no_cookie(cookies: tuple[str, ...], opt_out: dict[str, str]) -> None:
    collector = Collector()
    assert (await collector.sender(*cookies, **opt_out)).set_cookie is None
    # And gets one as soon as that ends.
    assert (await collector.sender(*cookies)).set_cookie is not None


async def test_without_anonymous_visitors_no_cookie_is_read_or_set() -> None:
    collector = Collector(anonymous_visitors=False)
    assert await collector.sender(SESSION, visitor_cookie("v")) == Sender(user_id="ann", session_id="s")
    assert await collector.sender(SESSION) == Sender(user_id="ann", session_id="s")
    with pytest.raises(RequestRejected):
        await collector.sender(visitor_cookie("v"))


@pytest.mark.parametrize("forged", ["a.b.c", "", "x" * 5_000])
async def test_a_forged_cookie_is_replaced(forged: str) -> None:
    collector = Collector()
    assert named_by(await collector.sender(f"{SECURE_COOKIE}={forged}"))
    sender = await collector.sender(SESSION, f"{SECURE_COOKIE}={forged}")
    assert sender.visitor_id is None
    assert named_by(sender)


async def test_over_tls_the_cookie_is_the_hosts_own() -> None:
    collector = Collector()
    cookie = (await collector.sender()).set_cookie or ""
    name, _, attributes = cookie.partition("=")
    assert name == SECURE_COOKIE == f"__Host-{COOKIE}"
    # What browsers demand of a cookie with this prefix.
    assert {"Path=/", "Secure"} <= set(attributes.split("; "))
    assert "Domain" not in attributes
    # Another host of the domain, or a page without TLS, may have set this one.
    planted = f"{COOKIE}={visitor_cookie('v').partition('=')[2]}"
    assert named_by(await collector.sender(planted)) != "v"
    assert (await collector.sender(planted, visitor_cookie("w"))).visitor_id == "w"


async def test_a_backend_names_user_and_session_and_has_no_visitor() -> None:
    headers = {"footfall_key": BACKEND_KEY, "footfall_user": "ann", "footfall_session": "s"}
    sender = await Collector().sender(visitor_cookie("v"), **headers)
    assert sender == Sender(user_id="ann", session_id="s", backend="billing")


async def test_an_expired_session_leaves_the_visitor() -> None:
    expired = f"session={token(exp=int(time.time()) - 3600)}"
    assert await Collector().sender(expired, visitor_cookie("v")) == Sender(visitor_id="v")


EVENT_ID = "evt_019b76da940070008000000000000001"


async def test_a_first_visit_whose_answer_was_lost_is_the_same_visitor_when_it_is_sent_again() -> None:
    collector, other_replica = Collector(), Collector()
    first = await collector.sender(event_id=EVENT_ID)
    again = await other_replica.sender(event_id=EVENT_ID)
    assert first.visitor_id == again.visitor_id == named_by(first) == named_by(again)
    assert len(first.visitor_id or "") == 32


async def test_nobody_else_is_made_that_visitor_by_its_event() -> None:
    collector = Collector()
    first = await collector.sender(event_id=EVENT_ID)
    others = [
        await collector.sender(event_id=EVENT_ID[:-1] + "2"),
        await collector.sender(event_id=EVENT_ID, ip="203.0.113.8"),
        await collector.sender(event_id=EVENT_ID, user_agent="another browser"),
        await collector.sender(),
        await collector.sender(),
    ]
    assert len({first.visitor_id, *(each.visitor_id for each in others)}) == 6


async def test_who_is_known_already_stays_who_he_is() -> None:
    collector = Collector()
    for cookies in ((visitor_cookie("v"),), (visitor_cookie("v", 80),)):
        assert (await collector.sender(*cookies, event_id=EVENT_ID)).visitor_id == "v"
    assert (await collector.sender(SESSION, event_id=EVENT_ID)).visitor_id is None
    assert (await collector.sender(event_id=EVENT_ID, dnt="1")).visitor_id is None
