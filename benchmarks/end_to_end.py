"""From the collector's answer to the row in Postgres and to the live numbers, on a running `footfall up`.

    eval "$(footfall env)"; footfall bench end_to_end

While 20 events per second flow from elsewhere (`footfall demo`), or alone.
"""

import json
import os
import statistics
import time
import urllib.request

import psycopg

POSTS = 60
URL = os.environ["FOOTFALL_URL"]


def post() -> str:
    body = json.dumps({"event_type": "test_event", "event_data": {"source": "benchmark"}}).encode()
    request = urllib.request.Request(
        f"{URL}/api/analytics/collect", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        event_id: str = json.load(answer)["event_id"]
        return event_id


def counted() -> int:
    with urllib.request.urlopen(f"{URL}/dashboard/snapshot.json", timeout=10) as answer:
        total: int = json.load(answer)["total"].get("test_event", 0)
        return total


def main() -> None:
    landed, seen = [], []
    with psycopg.connect(os.environ["FOOTFALL_POSTGRES_DSN"], autocommit=True) as connection:
        for _ in range(POSTS):
            before = counted()
            event_id = post()
            accepted, row_at, seen_at = time.monotonic(), 0.0, 0.0
            while not (row_at and seen_at):
                found = connection.execute(
                    "select 1 from footfall.events where day = footfall.day_of(%(id)s::uuid) and event_uuid = %(id)s::uuid",
                    {"id": event_id.removeprefix("evt_")},
                ).fetchone()
                row_at = row_at or (time.monotonic() if found else 0.0)
                seen_at = seen_at or (time.monotonic() if counted() > before else 0.0)
                time.sleep(0.01)
            landed.append(row_at - accepted)
            seen.append(seen_at - accepted)
    for name, times in (("row in Postgres", landed), ("live numbers", seen)):
        ordered = sorted(times)
        p95 = ordered[int(len(ordered) * 0.95) - 1]
        print(f"answer to {name}: p50 {statistics.median(times) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")


if __name__ == "__main__":
    main()
