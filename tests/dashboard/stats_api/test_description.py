"""Whether the OpenAPI description allows a request or not, the Stats API answers as described."""

from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode

from dashboard.openapi import document
from dashboard.sql import Database
from dashboard.stats_api.routes import PATH, add_stats_api_routes
from tests.dashboard.history.test_page import OneNameEach
from tests.fuzz.cases import CHECKS, COUNT, cases
from tests.support.database import at


def served() -> Any:
    app = FastAPI(openapi_url=None)
    now = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
    add_stats_api_routes(app, OneNameEach(Database(at("host=nowhere"))), 90, lambda: now)
    described = document("session")

    @app.get("/openapi.json")
    async def openapi_json() -> dict[str, Any]:
        return described

    found = schemathesis.openapi.from_asgi("/openapi.json", app)
    found.config.generation.update(with_security_parameters=False)
    return found


SERVED = served()


@pytest.mark.parametrize("path", [PATH, *(f"{PATH}/{kind}" for kind in ("totals", "series", "breakdown"))])
@cases(COUNT // 30)
@given(data=st.data())
def test_requests_are_answered_as_described(path: str, data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(list(GenerationMode))) if path != PATH else GenerationMode.POSITIVE
    case = data.draw(SERVED[path]["GET"].as_strategy(generation_mode=mode))
    case.call_and_validate(checks=CHECKS)
