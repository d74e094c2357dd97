"""An attack in a process of its own: it goes on until its input is closed, and prints what it was answered.

python -m tests.attacks.attacker NAME TARGET
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict

from tests.attacks import connections, records, requests
from tests.attacks.target import Outcomes, Target

Attack = Callable[[Target], Awaitable[Outcomes]]
ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        requests.numbers_at_the_edge,
        requests.names_that_look_like_others,
        requests.a_clock_of_2099,
        requests.names_as_long_as_may_be,
        requests.names_without_end,
        requests.costly_texts,
        requests.costly_events,
        requests.deep_with_good,
        requests.bombs,
        requests.rejected_without_end,
        requests.repeats_without_end,
        requests.made_up_sessions,
        requests.junk_cookies,
        requests.odd_questions,
        connections.idle_and_half_sent,
        connections.half_probes,
        connections.event_streams,
        connections.headers_without_end,
        connections.two_hosts,
        records.foreign_records,
        records.events_past_the_collector,
    )
}


@asynccontextmanager
async def going_on(name: str, target: Target) -> AsyncIterator[Outcomes]:
    """The attack while the block runs, at least once; its outcomes are filled in at the end."""
    outcomes = Outcomes()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.attacks.attacker", name, json.dumps(asdict(target))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert await process.stdout.readline(), "the attack does not begin"
        yield outcomes
    finally:
        printed, _errors = await process.communicate(b"")  # closes its input
    assert process.returncode == 0
    outcomes.update(json.loads(printed))


async def _go_on(attack: Attack, target: Target) -> Outcomes:
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    outcomes = Outcomes()
    while not outcomes or not stopped.is_set():
        outcomes += await attack(target)
    return outcomes


if __name__ == "__main__":
    # It stands for other machines, whose work costs this one nothing.
    os.nice(19)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    answered = asyncio.run(_go_on(ATTACKS[sys.argv[1]], Target(**json.loads(sys.argv[2]))))
    sys.stdout.write(json.dumps(answered))
