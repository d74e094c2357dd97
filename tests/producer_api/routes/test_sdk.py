"""The SDK's files: small, compressed in advance, cached as long as possible, and protected by their hash."""

import base64
import gzip
import hashlib
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from producer_api.own_path import check_sdk_path
from producer_api.routes.sdk import NAMES, add_sdk, script

DOCS = Path(__file__).parents[3] / "docs" / "browser-sdk.md"
# In bytes, of gzip and of brotli.
MAX_SIZES = {
    "footfall": (2_000, 1_800),
    "more": (3_300, 3_000),
    "console": (1_500, 1_300),
    "vitals": (3_500, 3_200),
    "all": (9_500, 8_500),
}


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    add_sdk(app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://collector")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_no_larger_than_it_may_be(name: str) -> None:
    contents = script(name).contents
    assert len(contents["gzip"]) <= MAX_SIZES[name][0]
    assert len(contents["br"]) <= MAX_SIZES[name][1]
    assert gzip.decompress(contents["gzip"]) == contents[""]


def test_the_size_in_the_docs_is_the_size() -> None:
    first, more = (
        [len(script(name).contents[each]) for each in ("", "gzip", "br")] for name in ("footfall", "more")
    )
    raw, gzipped, brotli = first
    assert f"| footfall, first file | {raw:,} | **{gzipped:,}** | {brotli:,} |" in DOCS.read_text()
    raw, gzipped, brotli = (one + other for one, other in zip(first, more, strict=True))
    assert f"| footfall, with the file that it loads | {raw:,} | {gzipped:,} | {brotli:,} |" in DOCS.read_text()


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
async def test_each_browser_gets_the_smallest_form_that_it_accepts(
    client: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    async with client, client.stream("GET", "/sdk/footfall.js", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == encoding
    assert raw == script("footfall").contents[encoding or ""]
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_browsers_revalidate_after_an_hour_and_get_a_304(
    client: httpx.AsyncClient,
) -> None:
    async with client:
        first = await client.get("/sdk/footfall.js")
        assert "max-age=3600" in first.headers["cache-control"]
        again = await client.get("/sdk/footfall.js", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await client.head("/sdk/footfall.js")
        assert (head.status_code, head.content) == (200, b"")


async def test_the_path_with_the_hash_is_cached_forever_and_matches_the_integrity(
    client: httpx.AsyncClient,
) -> None:
    served = script("footfall")
    async with client:
        answer = await client.get(served.hashed_path)
    assert "immutable" in answer.headers["cache-control"]
    digest = hashlib.sha384(answer.content).digest()
    assert served.integrity == f"sha384-{base64.b64encode(digest).decode()}"


async def test_under_a_path_of_the_operator_the_script_sends_to_the_route_of_that_path() -> None:
    app = FastAPI()
    add_sdk(app, "/insights")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://collector") as client:
        answers = [
            await client.get("/insights/script.js", headers={"accept-encoding": encoding})
            for encoding in ("br, gzip", "identity")
        ]
        more = await client.get("/insights/more.js")
    code = script("footfall").contents[""]
    assert [answer.content for answer in answers] == [code.replace(b"../api/analytics/collect", b"send")] * 2
    assert answers[0].content != code
    assert answers[0].headers["content-encoding"] == "gzip"
    assert more.content == script("more").contents[""]


@pytest.mark.parametrize(
    ("path", "is_valid"),
    [
        *(("", True), ("/insights", True), ("/a/b-c_1", True)),
        *(("insights", False), ("/insights/", False), ("/Insights", False), ("/", False), ("/../x", False)),
        *(("/api", False), ("/sdk/own", False), ("/history", False), ("https://x.example", False)),
    ],
)
def test_the_path_is_one_that_nothing_else_has(path: str, is_valid: bool) -> None:
    if is_valid:
        check_sdk_path(path)
        return
    with pytest.raises(ValueError, match="such as /insights"):
        check_sdk_path(path)


async def test_pages_of_other_origins_may_load_it_as_a_script_only(client: httpx.AsyncClient) -> None:
    async with client:
        headers = (await client.get("/sdk/vitals.js")).headers
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"
