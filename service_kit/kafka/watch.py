"""Ends a process that hears no broker although the bootstrap servers answer: only a new start can mend it.

While nobody answers there either, the process waits: a restart would not help, and costs what it holds.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from service_kit.background import BackgroundThread
from service_kit.kafka import reconnecting_client
from service_kit.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

# EX_UNAVAILABLE of sysexits.h.
EXIT_UNHEARD = 69
MAX_UNHEARD_SECONDS = 120.0
CHECK_SECONDS = 20.0
# In a row, after which a client that can mend itself would have done so.
MIN_ANSWERS = 4
_ANSWER_SECONDS = 15.0


class Contact:
    """The decision. While Kafka is away for everybody, nothing is to be done."""

    def __init__(self) -> None:
        # Checks in a row in which the bootstrap servers answered, but no broker answered us.
        self._answers = 0

    def is_lost(self, unheard_seconds: float, bootstrap_answers: Callable[[], bool]) -> bool:
        """Whether the process should end."""
        if unheard_seconds < MAX_UNHEARD_SECONDS or not bootstrap_answers():
            self._answers = 0
            return False
        self._answers += 1
        return self._answers >= MIN_ANSWERS


def watch(kafka: KafkaSettings, end: Callable[[int], None]) -> None:
    """Check for ever, in a daemon thread. `end` gets the exit code, once: a second signal cuts requests off."""
    end_once = once(end)
    reconnecting_client.install(lambda: end_once(EXIT_UNHEARD))
    BackgroundThread("the watch of Kafka", lambda: _watch(kafka, end_once)).start()


def once(end: Callable[[int], None]) -> Callable[[int], None]:
    """Passes on the first call only, whichever thread makes it."""
    called = threading.Lock()

    def first(exit_code: int) -> None:
        if called.acquire(blocking=False):
            end(exit_code)

    return first


def _watch(kafka: KafkaSettings, end: Callable[[int], None]) -> None:
    contact, never = Contact(), threading.Event()
    while not never.wait(CHECK_SECONDS):
        unheard = reconnecting_client.unheard_seconds()
        if contact.is_lost(unheard, lambda: asyncio.run(_bootstrap_answers(kafka))):
            log.critical(
                "no broker has answered for %.0f s, and %s does: are the addresses that the brokers advertise "
                "reachable from here? Exiting, to connect again",
                unheard,
                kafka.kafka_bootstrap,
            )
            end(EXIT_UNHEARD)
            never.wait()  # it takes a while where requests are finished first


async def _bootstrap_answers(kafka: KafkaSettings) -> bool:
    client = AIOKafkaClient(**kafka.client_options(), client_id="footfall-watch")
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await client.bootstrap()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
    return True
