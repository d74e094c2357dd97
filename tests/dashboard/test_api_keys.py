"""API keys open the paths of their scopes and nothing else, so many times per minute, until their line is removed."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import ASGITransport
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dashboard import api_keys
from dashboard.api_keys import SCOPES, ApiKey, ApiKeys, create, scope_of
from dashboard.app import build_app
from dashboard.settings import Settings
from footfall.cli import build
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import Secret, SettingsError, load
from tests.dashboard.access.test_access import PATHS_WITH_DATA, TOKEN
from tests.support.json_lines import json_lines

STATS = "/api/stats/v1"


def client(keys: str, file: Path | None = None, **settings: Any) -> httpx.AsyncClient:
    kafka = KafkaSettings(kafka_bootstrap="localhost:1")
    app = build_app(Settings(kafka=kafka, dashboard_keys=Secret(keys, file), **settings))
    return httpx.AsyncClient(
        transport=ASGITransport(app, client=("203.0.113.7", 1)), base_url="https://stats.example"
    )


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("settings", [{}, {"dashboard_token": Secret(TOKEN)}], ids=["keys alone", "and a token"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_opens_the_paths_of_its_scope_and_no_page(scope: str, settings: dict[str, Any]) -> None:
    text, key = create("report", frozenset({scope}), 100)
    async with client(key.line, **settings) as reader:
        closed = 401 if settings else 403
        for path in PATHS_WITH_DATA:
            if path == "/dashboard/stream" and scope == "live:read":
                continue  # it has no end
            needed = scope_of(path)
            status = (await reader.get(path, headers=bearer(text))).status_code
            expected = (200, 503) if needed == scope else (403,) if needed else (closed,)
            assert status in expected, path
            assert (await reader.get(path, headers=bearer(text + "x"))).status_code in (401, closed), path
            assert (await reader.get(path)).status_code == closed, path
        login = await reader.post("/dashboard/login", data={"token": text})
        assert "set-cookie" not in login.headers
        accept = await reader.post("/dashboard/event-types/accept", json={"event_type": "x"}, headers=bearer(text))
        assert accept.status_code == closed


async def test_over_its_limit_a_key_gets_a_429_that_says_when_to_ask_again() -> None:
    (one, key), (other, other_key) = (
        create("one", frozenset({"stats:read"}), 2),
        create("other", frozenset(SCOPES), 2),
    )
    async with client(f"# who\n{key.line}\n\n{other_key.line}\n") as reader:
        answers = [await reader.get(STATS, headers=bearer(one)) for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert [each.headers["ratelimit"].partition(";t=")[0] for each in answers] == [
            '"key";r=1',
            '"key";r=0',
            '"key";r=0',
        ]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=2;w=60'
        assert 0 < int(answers[2].headers["retry-after"]) <= 60
        assert (await reader.get(STATS, headers=bearer(other))).status_code == 200


async def test_a_key_without_a_line_has_no_access_any_more(tmp_path: Path) -> None:
    (one, key), (two, other) = (create(name, frozenset({"stats:read"}), 60) for name in ("one", "two"))
    file = tmp_path / "keys"
    file.write_text(key.line)
    async with client(key.line, file) as reader:

        async def statuses() -> list[int]:
            return [(await reader.get(STATS, headers=bearer(each))).status_code for each in (one, two)]

        assert await statuses() == [200, 401]
        file.write_text(f"{other.line}\nnot a line\n")
        assert await statuses() == [401, 200], "a faulty line costs itself only"
        for change in (lambda: file.write_text(""), file.unlink):
            file.write_text(key.line)
            assert await statuses() == [200, 401]
            change()
            assert await statuses() == [401, 401]


@given(st.lists(st.floats(0, 300), max_size=60), st.integers(1, 5))
def test_no_minute_has_more_requests_than_the_limit(times: list[float], limit: int) -> None:
    key = ApiKey("one", frozenset({"stats:read"}), limit, "0" * 64)
    keys, granted = ApiKeys(Secret(key.line)), list[float]()
    for now in sorted(times):
        usage = keys.use(key, now)
        assert usage.retry_after >= 1
        if usage.is_granted:
            granted.append(now)
        else:
            assert len([each for each in granted if each > now - api_keys.WINDOW]) == limit
    assert all(len([each for each in granted if now - api_keys.WINDOW < each <= now]) <= limit for now in granted)


def test_a_minute_ends_after_a_minute_and_not_when_the_file_changes(tmp_path: Path) -> None:
    (_text, key), file = create("one", frozenset({"stats:read"}), 1), tmp_path / "keys"
    file.write_text(key.line)
    keys = ApiKeys(Secret(key.line, file))
    assert keys.find("ffk_unknown") is None, "the file is read"
    first, second = keys.use(key, 0.0), keys.use(key, 45.5)
    assert (first.is_granted, second.is_granted, second.retry_after) == (True, False, 15)
    file.write_text(f"# one more line\n{key.line}")
    keys.find("ffk_unknown")
    assert not keys.use(key, 59.9).is_granted
    assert keys.use(key, api_keys.WINDOW).is_granted
    file.write_text("")
    keys.find("ffk_unknown")
    assert not keys._requests, "nothing remains of a key that is revoked"


def test_a_scope_opens_its_paths_and_what_is_below_them() -> None:
    for path in (STATS, f"{STATS}/", f"{STATS}/totals"):
        assert scope_of(path) == "stats:read"
    for path in ("/api/stats/v10", "/api/stats/v1.json", "/api/stats", "/dashboard/snapshot.jsonx", "/", ""):
        assert scope_of(path) is None, path


def test_any_bytes_in_the_header_are_an_unknown_key() -> None:
    keys = ApiKeys(Secret(""))
    for text in ("ffk_\udcff", "ffk_é", "ffk_" + "x" * 100_000, "ffk_\x00"):
        assert keys.find(text) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("report stats:read 60", "footfall key create"),
        (f"report stats:write 60 sha256:{'0' * 64}", "stats:write"),
        (f"report stats:read 0 sha256:{'0' * 64}", "1 to 10000"),
        (f"report stats:read 10001 sha256:{'0' * 64}", "1 to 10000"),
        (f"a stats:read 1 sha256:{'0' * 64}\na stats:read 1 sha256:{'1' * 64}", "different names"),
    ],
)
def test_a_faulty_line_is_named_when_the_dashboard_starts(line: str, said: str) -> None:
    environ = {"FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1", "FOOTFALL_DASHBOARD_KEYS": line}
    with pytest.raises(SettingsError, match=said):
        load(Settings, environ)


def test_the_command_prints_the_key_once_and_a_line_without_it() -> None:
    ran = CliRunner().invoke(build("key"), ["key", "create", "--name", "report", "--scope", "live:read", "--json"])
    (created,) = json_lines(ran.stdout)
    assert created["key"] not in created["line"]
    found = ApiKeys(Secret(created["line"])).find(created["key"])
    assert found and (found.name, found.scopes, found.per_minute) == ("report", {"live:read"}, 60)
    wrong = CliRunner().invoke(build("key"), ["key", "create", "--name", "a b", "--scope", "stats:write"])
    assert wrong.exit_code == 2
