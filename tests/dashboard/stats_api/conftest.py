"""A Stats API with a history that answers without Postgres."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

from dashboard.history.routes import add_history_routes
from dashboard.render.pages import Pages
from dashboard.sql import Database
from dashboard.stats_api.routes import add_stats_api_routes
from tests.dashboard.history.test_page import OneNameEach
from tests.dashboard.stats_api.asking import NOW
from tests.support.database import at


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app, service = FastAPI(), OneNameEach(Database(at("host=nowhere")))
    add_history_routes(app, service, Pages(), 90)
    add_stats_api_routes(app, service, 90, lambda: NOW)
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as made:
        yield made
