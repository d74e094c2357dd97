"""Whether the OpenAPI description allows a request or forbids it, the collector answers as described."""

import functools
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode

from producer_api.routes.openapi import document
from tests.fuzz.cases import CHECKS, COUNT, cases
from tests.support.workers import Worker


@functools.cache
def operation(path: str, method: str) -> Any:
    described = schemathesis.openapi.from_dict(document("session"))
    # Every request has the session of the test, so that what is tested is the body.
    described.config.generation.update(with_security_parameters=False)
    return described[path][method]


@pytest.mark.timeout(3600 * 5)
@pytest.mark.parametrize("path", ["/api/analytics/collect", "/api/analytics/validate"])
@cases(COUNT // 3 + 1)
@given(data=st.data())
def test_requests_that_the_description_allows(
    collector: Worker, session: dict[str, str], path: str, data: st.DataObject
) -> None:
    case = data.draw(operation(path, "POST").as_strategy(generation_mode=GenerationMode.POSITIVE))
    case.call_and_validate(base_url=f"http://127.0.0.1:{collector.port}", headers=session, checks=CHECKS)


@pytest.mark.timeout(3600 * 5)
@cases(COUNT // 3 + 1)
@given(data=st.data())
def test_requests_that_the_description_forbids(
    collector: Worker, session: dict[str, str], data: st.DataObject
) -> None:
    case = data.draw(
        operation("/api/analytics/collect", "POST").as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    # An invalid event does not affect the others of its list, so a list may be accepted in part.
    case.call_and_validate(base_url=f"http://127.0.0.1:{collector.port}", headers=session, checks=CHECKS)


def test_the_catalogue_is_as_described(collector: Worker) -> None:
    case = operation("/api/analytics/event-types", "GET").Case()
    case.call_and_validate(base_url=f"http://127.0.0.1:{collector.port}", checks=CHECKS)
