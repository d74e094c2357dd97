"""What redaction catches and what it leaves, over two lists of texts as people and programs write them."""

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_api.intake.rejected_body import reduced_body
from producer_api.privacy.redaction import redact

CORPUS = Path(__file__).parent / "corpus"
ROUNDS = 5
_DIGITS, _SMALL = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_CHARACTERS = {
    "d": _DIGITS,
    "hex": "0123456789abcdef",
    "let": _SMALL,
    "up": _DIGITS + _SMALL.upper(),
    "b62": _DIGITS + _SMALL + _SMALL.upper(),
    "b64": _DIGITS + _SMALL + _SMALL.upper() + "+/",
}
_RANDOM = re.compile(r"\{(uuid|d|hex|let|up|b62|b64)(?::(\d+))?\}")
_SECRET = re.compile("«(.*?)»")


def corpus(name: str) -> Iterator[str]:
    """The texts of a list. Those with random characters come several times."""
    for line in (CORPUS / name).read_text().splitlines():
        if line.startswith("# ") or not line:
            continue
        for round_ in range(ROUNDS if _RANDOM.search(line) else 1):
            yield _filled(line, Random(f"{line}{round_}"))


def _filled(line: str, random: Random) -> str:
    def characters(found: re.Match[str]) -> str:
        if found[1] == "uuid":
            return str(UUID(int=random.getrandbits(128), version=4))
        return "".join(random.choices(_CHARACTERS[found[1]], k=int(found[2])))

    return _RANDOM.sub(characters, line)


def redacted(text: str) -> str:
    return redact(text, Counter())


def test_secrets_go_and_hardly_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    caught, missed = 0, list[str]()
    for marked in corpus("secrets.txt"):
        secrets, left = _SECRET.findall(marked), redacted(re.sub("[«»]", "", marked))
        for secret in secrets:
            if secret in left:
                missed.append(f"{secret}  in  {left}")
            else:
                caught += 1
    harmless = list(corpus("harmless.txt"))
    spoilt = [f"{text}  became  {redacted(text)}" for text in harmless if redacted(text) != text]
    recall, precision = caught / (caught + len(missed)), caught / (caught + len(spoilt))
    measured = (
        f"recall {recall:.3f} of {caught + len(missed)}, precision {precision:.3f} with {len(harmless)} harmless"
    )
    with capsys.disabled():
        sys.stdout.write(f"\nredaction: {measured}\n")
    assert recall >= 0.97, "\n".join(missed)
    assert precision >= 0.98, "\n".join(spoilt)
    # As a share of the harmless texts, too: there are fewer of them.
    assert len(spoilt) / len(harmless) <= 0.02, "\n".join(spoilt)


@given(st.text(max_size=200) | st.lists(st.sampled_from(list(corpus("secrets.txt")))).map(" ".join))
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


# What each pattern repeats, or looks for the end of.
HOSTILE = """a1|eyJ-|1 |+1|a.@|5-5-5-|41 |4111 1111 |1.|1.1.1.|2001:|a@b.|a@b|%40|%2540|a%40|'@|&#|\\u0040|00 1|(0|(01)
    03 04 |/reset/|/reset/a1b2c3d4e5f6|//|a://|http://a?|http://@|/;|/a;s=|/(S(|?token=|token=|token|token:'|a[|[a]
    cookie: |cookie=a=|Bearer |Basic |authorization: |-----BEGIN PRIVATE KEY-----|-----BEGIN |DE89 |SG.|xoxb-|key-
    phone: |phone:1|Mozilla/5.0 (|Mozilla/5.0 a/b |"|\\"|=|%3D|%25|__token|%20|1%20|/sid/|0.|. 1|\u2013|1\u20131|1\u00e9
    x@1.1.|@1.|/api/webhooks/1|{"a":"|'a':1,|\\/|\\\\|/x?|#/|%3f|%26t=|1:AA|eyJaaaaaaaa.|a.b@c.d.|confirm/|0x|555-|(555)
    \\u00|"user_agent":"|'agent':|Mozilla/5.0|/#/|[|(|)|{|<"""


def test_the_work_grows_with_the_length_of_a_text_and_not_with_its_square() -> None:
    slow = list[str]()
    for unit in (unit for line in HOSTILE.splitlines() for unit in line.lstrip(" ").split("|")):
        # Eight times the text. The square would be 64 times the work. Others use the machine too, so the best of three counts.
        growths = (_work(unit, 8_000) / _work(unit, 1_000) for _ in range(3))
        if all(growth > 24 for growth in growths):
            slow.append(unit)
    assert not slow


def _work(unit: str, length: int) -> float:
    """CPU seconds."""
    text = unit * (length // len(unit)) + ' 1@="'
    started = time.process_time()
    redacted(text)
    reduced_body(text.encode(), (), Counter())
    return time.process_time() - started
