"""What `footfall doctor` says about senders who were turned away."""

from typing import Any

from avro_schemas.reasons import FORBIDDEN_REASONS
from footfall.doctor.rejected import rejected_senders
from tests.support.events import NOON

SHOP = "https://shop.example in FOOTFALL_ALLOWED_ORIGINS"


def rejected(reason: str, expected: str, minutes_ago: int = 1) -> dict[str, Any]:
    return {"reason": reason, "errors": [{"expected": expected}], "rejected_at": NOON - minutes_ago * 60_000}


def test_each_origin_and_each_reason_is_counted_with_what_to_set() -> None:
    first, second = rejected_senders(
        [
            rejected("session_missing", "a session"),
            *[rejected("origin_not_allowed", SHOP)] * 3,
            rejected("origin_not_allowed", SHOP, minutes_ago=61),
            rejected("field_missing", "a page"),
        ],
        NOON,
    )
    assert (first.state, second.state) == ("warn", "warn")
    assert "3 requests" in first.message
    assert SHOP in first.message
    assert "FOOTFALL_ALLOWED_ORIGINS" in first.fix
    assert "FOOTFALL_ANONYMOUS_VISITORS" in second.fix


def test_many_origins_are_a_few_findings() -> None:
    findings = rejected_senders([rejected("origin_not_allowed", f"{n}") for n in range(100)], NOON)
    assert len(findings) == 6
    assert "95 further" in findings[-1].message


def test_every_reason_has_a_fix() -> None:
    for reason in FORBIDDEN_REASONS:
        (finding,) = rejected_senders([rejected(reason, "this")], NOON)
        assert finding.fix
    (finding,) = rejected_senders([], NOON)
    assert finding.state == "ok"
