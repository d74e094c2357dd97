"""The table of HTTP statuses covers every error code once."""

from collections import Counter

from avro_schemas.reasons import REASONS, RECORD_REASONS
from producer_api.errors import STATUSES, status_of
from producer_api.routes.openapi import paths


def test_every_code_of_a_status_is_a_reason_and_belongs_to_one_status() -> None:
    codes = Counter(code for status in STATUSES.values() for code in status.codes)
    assert codes.keys() <= REASONS.keys() - set(RECORD_REASONS)
    assert set(codes.values()) == {1}


def test_a_code_without_a_status_of_its_own_is_a_400() -> None:
    assert (status_of("rate_limited"), status_of("json_invalid")) == (429, 400)


def test_the_openapi_description_has_every_status() -> None:
    for path in ("/api/analytics/collect", "/api/analytics/validate"):
        assert paths()[path]["post"]["responses"].keys() == {"200"} | {str(status) for status in STATUSES}
