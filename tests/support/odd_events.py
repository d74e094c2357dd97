"""Events that nobody here would send: numbers, texts and times at every edge, as Hypothesis draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from avro_schemas import event_ids
from avro_schemas.event_types import event_type_names
from avro_schemas.schema import latest
from producer_api.intake.client_context import CONTEXT_FIELDS
from producer_api.intake.clock_skew import is_in_range, parse_timestamp
from producer_api.request import Sender
from tests.support.events import NOON

MINUTE, DAY = 60_000, 86_400_000
NAMED_TYPES = ("web_vital", "page_view", "error_encountered", "button_click", "form_submit")
# Events per example.
EVENTS = 50

NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.79e308, 1.7832509485263733e308, -1.79e308, 5e-324, 1e12, 1.1e12, 1e-9, -0.0])
    | st.integers()
    | st.sampled_from([2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**31)])
)
TEXTS = (
    st.sampled_from(
        [
            *(
                "",
                " ",
                "*",
                "LCP x",
                "LCP 7",
                "LCP nan",
                "LCP inf 1",
                "x LCP",
                "a\tb",
                "\u2028",
                "NaN",
                "//",
                "/a?b#c",
            ),
            *(
                "😀" * 20,
                "😀" * 199,
                "é" * 150,
                "a\u0301" * 99,
                '"\\' * 99,
                "x" * 199 + "😀",
                "\x01" * 200,
                "x" * 2_000,
            ),
        ]
    )
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
    # These are rejected.
    | st.sampled_from(["\0", "x" * 2_001])
)
TIMES = st.sampled_from(
    [
        *("2026-01-01T12:00:00Z", "2026-01-01T11:49:00Z", "2026-01-01T11:51:00+00:00", "2026-01-01T12:11:00Z"),
        *("2026-01-01T13:59:59+02:00", "2025-12-24T12:00:00Z", "2024-01-15T10:30:00Z", "2000-01-01T00:00:00Z"),
        *(
            "2043-01-01T00:00:00Z",
            "2099-12-31T23:59:59.999999Z",
            "2099-01-01T00:00:00Z",
            "2000-01-01T00:00:00+14:00",
        ),
        *(
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-12:00",
            "0001-01-01T00:00:00Z",
            "2026-01-01T12:00:00",
            "noon",
        ),
    ]
)

# Pages and referrers; `{}` stands for one of the odd texts.
ODD_URLS = (
    *("https://www.google.com/", "android-app://com.google.android.gm/", "https://shop.example/?utm_source={}"),
    *(
        "/?utm_source={}&amp;UTM_Medium={}&utm_campaign=%00%ED%A0%BD&gclid=1#/{}?utm_term={}",
        "https://{}/",
        "//{}",
    ),
    *("https://ann:secret@shop.example:80/{}", "{}?{}#{}", "http://[::1]/{}", "$direct", "https://" + "x." * 200),
    *("/?utm_source=" + "%F0%9F%98%80" * 100, "/?utm_content=ann@mail.example+4111111111111111", "#!/{}?{}#{}"),
)


def is_taken_as_sent_at(text: str) -> bool:
    """Else the whole request is rejected."""
    moment = parse_timestamp(text)
    return moment is not None and is_in_range(moment)


@dataclass(frozen=True)
class Oddities:
    """Odd values, of which events are made. Hypothesis draws the values only: it takes long for whole events."""

    numbers: Sequence[float]
    texts: Sequence[str]
    times: Sequence[str]
    sent_at: str | None
    seed: int

    def envelope(self) -> dict[str, Any]:
        """Events that are valid but for some of their odd values."""
        random = Random(self.seed)
        events = [self._event(random) for _ in range(EVENTS)]
        envelope: dict[str, Any] = {"events": events}
        if random.random() < 0.3:
            envelope["context"] = self._valid_context(random)
        return envelope | ({"sent_at": self.sent_at} if self.sent_at else {})

    def headers(self) -> dict[bytes, bytes]:
        """Headers of a browser, odd ones too."""
        random = Random(self.seed)
        texts = [*ODD_URLS, "en;q=0.5, *", *self.texts]
        names = [b"origin", b"accept-language", b"user-agent", b"sec-gpc", b"traceparent"]
        return {name: random.choice(texts).encode("latin-1", "ignore") for name in names if random.random() < 0.5}

    def _event(self, random: Random) -> dict[str, Any]:
        # Half of them are of the types whose values become names of live aggregates.
        types = random.choice([NAMED_TYPES, sorted(event_type_names())])
        event_type = random.choice([*types, "named_by_a_client"])
        found: dict[str, Any] = {"event_type": event_type, "event_data": self._data(event_type, random)}
        if random.random() < 0.4:
            found["timestamp"] = random.choice(self.times)
        if random.random() < 0.3:
            found["context"] = self._valid_context(random)
            if random.random() < 0.3:
                found["context"][random.choice([*CONTEXT_FIELDS, "other"])] = random.choice(
                    [*self.texts, 7, -1, []]
                )
        if random.random() < 0.3:
            away = random.choice([0, 0, -6 * DAY, -8 * DAY, 9 * MINUTE, 11 * MINUTE])
            found["event_id"] = event_ids.generate(NOON + away, random.choice([b"\0" * 10, random.randbytes(10)]))
        return found

    def _data(self, event_type: str, random: Random) -> dict[str, Any]:
        schema = latest().get(event_type)
        if schema is None:  # a custom event
            return self._properties(random)
        fields = schema.definition["fields"][-1]["type"]["fields"]
        wanted = [field for field in fields if "default" not in field or random.random() < 0.4]
        data = {field["name"]: self._value(field, random) for field in wanted}
        if event_type == "web_vital" and random.random() < 0.5:
            data["metric"] = random.choice(["LCP", "LCP x", "CLS", "INP 3", "😀" * 20])
        return data

    def _value(self, field: dict[str, Any], random: Random) -> Any:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if "string" in kinds:
            if field["name"] in ("page", "referrer") and random.random() < 0.5:
                return random.choice(ODD_URLS).replace("{}", random.choice(self.texts)[:300])
            # Mostly cut to what the schema allows.
            return random.choice(self.texts)[: random.choice([field["maxLength"]] * 9 + [None])]
        if isinstance(kinds[-1], dict):
            return self._properties(random)
        if "boolean" in kinds:
            return random.random() < 0.5
        return random.choice(self.numbers if "double" in kinds else [0, 7, 2**31 - 1])

    def _properties(self, random: Random, depth: int = 0) -> dict[str, Any]:
        values = [None, True, *self.numbers, *self.texts]
        found = {random.choice(self.texts)[:50]: random.choice(values) for _ in range(random.randint(0, 3))}
        if random.random() < 0.3 and depth < 25:
            nested: Any = self._properties(random, depth + random.choice([1, 1, 1, 24]))
            found[random.choice(self.texts)[:50]] = random.choice([nested, [nested], [[], {}, [nested, 1]]])
        if depth == 24:  # about as deep as may be
            for _ in range(random.randint(16, 22)):
                found = {"deep": found}
        return found

    def _valid_context(self, random: Random) -> dict[str, Any]:
        short = [text[:200] for text in self.texts if "\0" not in text]
        texts = [*short, "/users/:id", "ann@mail.example"]
        values: dict[str, list[Any]] = {
            "site": ["shop", "555-123-4567", None],
            "hostname": ["Shop.Example:80", "bücher.example", "x" * 253, None],
            "route": texts,
            "referrer": [url.replace("{}", random.choice(texts)) for url in ODD_URLS],
            "language": ["de", "pt_br", "C", "zh-Hans-CN", "", None],
            "screen_width": [0, 1, 575, 100_000, None],
            "release": texts,
        }
        return {name: random.choice(found) for name, found in values.items() if random.random() < 0.5}


ODDITIES = st.builds(
    Oddities,
    st.lists(NUMBERS, min_size=1, max_size=4),
    st.lists(TEXTS, min_size=1, max_size=8),
    st.lists(TIMES, min_size=1, max_size=4),
    st.none() | TIMES.filter(is_taken_as_sent_at),
    st.integers(0, 2**32),
)
SENDERS = [
    Sender(),
    Sender(user_id="ann"),
    Sender(session_id="s"),
    Sender(visitor_id="v"),
    Sender(user_id="ann", session_id="s", visitor_id="v"),
]
