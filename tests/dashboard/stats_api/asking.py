"""What the tests of the Stats API ask with."""

from datetime import UTC, datetime
from typing import Any

import httpx

from dashboard.stats_api.routes import PATH

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


async def answer(client: httpx.AsyncClient, path: str, status: int = 200) -> dict[str, Any]:
    found = await client.get(f"{PATH}/{path}")
    assert found.status_code == status, found.text
    assert found.headers["cache-control"] == ("private, no-cache" if status == 200 else "no-store")
    return dict(found.json())
