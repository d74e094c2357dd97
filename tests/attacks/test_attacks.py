"""Whatever one sender does, a good client beside it loses nothing: every event is acknowledged, lands and is counted.

`make attacks` runs each attack beside 20,000 events, and prints how long answers took and what memory grew.
"""

import json
import logging
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest

from tests.attacks import attacker, good_client
from tests.attacks.target import Target
from tests.system.conftest import running
from tests.system.stack import Stack, until

pytestmark = [pytest.mark.system, pytest.mark.faults, pytest.mark.timeout(300)]
log = logging.getLogger(__name__)

EVENTS = int(os.environ.get("ATTACK_EVENTS", "200"))
REQUESTS_PER_SECOND = 50.0
# Its time grows with the rows that all attacks before have left.
HISTORY = ("/history",) if EVENTS < 1_000 else ()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from running(tmp_path_factory.mktemp("attacked") / "data")


@pytest.fixture(scope="module")
def target(attacked: Stack) -> Target:
    services = attacked.state["services"]
    probes = [urlsplit(services[name]["probes"]).port for name in services if "probes" in services[name]]
    keys = json.loads((attacked.folder / "secrets.json").read_text())
    return Target(attacked.port, tuple(probes), attacked.state["kafka"], keys["FOOTFALL_SESSION_KEY"])


def memory(stack: Stack) -> dict[str, float]:
    """Resident MiB of each of our processes, by its pid; a process that was restarted has another one."""
    pids: dict[int, str] = {}
    for name, service in stack.state["services"].items():
        pids.setdefault(service["pid"], name)  # some services share a process
    ours = {pid: name for pid, name in pids.items() if name not in ("kafka", "postgres")}
    return {f"{name} {pid}": psutil.Process(pid).memory_info().rss / 2**20 for pid, name in ours.items()}


@pytest.mark.parametrize("attack", attacker.ATTACKS)
async def test_a_good_client_loses_nothing(attacked: Stack, target: Target, attack: str) -> None:
    site = attack.replace("_", "-")
    before, counted_before = memory(attacked), counts(attacked)
    async with attacker.going_on(attack, target) as outcomes:
        answers = await good_client.send(target, site, EVENTS, REQUESTS_PER_SECOND)

    assert not answers.others
    assert len(answers.acknowledged) == EVENTS
    landed = until(lambda: rows(attacked, site), lambda found: found == EVENTS, seconds=40)
    assert landed == EVENTS
    counted = until(lambda: counts(attacked) - counted_before, lambda found: found == EVENTS, seconds=40)
    assert counted == EVENTS
    for path in ("/readyz", "/", "/dashboard/snapshot.json", *HISTORY):
        assert attacked.get(path).status_code == 200
    after = memory(attacked)
    assert after.keys() == before.keys(), "a service was restarted"
    growth = {name: after[name] - before[name] for name in before}
    log.info(
        "%s: %d acknowledged, landed and counted once; p50 %.0f ms, p99 %.0f ms, slowest %.0f ms; memory %s; attack %s",
        *(site, EVENTS, answers.quantile(0.5), answers.quantile(0.99), answers.quantile(1)),
        ", ".join(f"{name.split()[0]} {grown:+.0f} MiB" for name, grown in growth.items()),
        dict(outcomes),
    )


def rows(stack: Stack, site: str) -> int:
    found: int = stack.query("select count(*) from events where site = %s", site)[0][0]
    return found


def counts(stack: Stack) -> int:
    """What the dashboard shows."""
    total: int = stack.get("/dashboard/snapshot.json").json()["total"].get(good_client.EVENT_TYPE, 0)
    return total
