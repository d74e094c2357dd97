"""The collector's pages are on the origin of the application: nobody may frame them or guess their type."""

import re

import httpx
import pytest

from producer_api.app import build_app
from producer_api.settings import Settings
from service_kit.settings import load
from tests.support.session_tokens import SECRET

ENVIRON = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": SECRET,
}


@pytest.mark.parametrize(
    "path",
    [
        "/api/analytics/docs",
        "/api/analytics/errors",
        "/api/analytics/event-types",
        "/api/analytics/openapi.json",
        "/docs/collect",
        "/sdk/footfall.js",
        "/nowhere",
    ],
)
async def test_no_page_can_be_framed(path: str) -> None:
    transport = httpx.ASGITransport(build_app(load(Settings, ENVIRON)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        headers = (await client.get(path)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].replace(
        "style-src 'self' 'unsafe-inline'", ""
    )


async def test_no_page_has_scripts_of_its_own() -> None:
    transport = httpx.ASGITransport(build_app(load(Settings, ENVIRON)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/api/analytics/docs", "/api/analytics/errors", "/docs/collect"):
            page = (await client.get(path)).text
            assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=", page) == [], path
        for source in re.findall(r'src="([^"]+)"', (await client.get("/api/analytics/docs")).text):
            assert (await client.get(source)).status_code == 200
