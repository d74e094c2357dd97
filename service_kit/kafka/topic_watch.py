"""Looks now and then whether the topics of a service are as they must be: they may also change while it runs."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping

from aiokafka.errors import KafkaError

from service_kit import metrics
from service_kit.background import BackgroundThread
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import ExistingTopic, describe_topics
from service_kit.kafka.topic_faults import TopicFault, TopicNeeds, judge, unchecked

log = logging.getLogger(__name__)

CHECK_SECONDS = 30.0
# While something is wrong: services should be ready soon after it is mended.
_FAULTY_SECONDS = 3.0
_TIMEOUT_SECONDS = 20.0
_FIRST_LOOK_SECONDS, _POLL_SECONDS = 5.0, 0.1
_MEND = "`footfall topics` mends what can be mended"


class TopicWatch:
    """Describes the topics again and again, in a daemon thread.

    While Kafka does not answer, the last result holds. `on_described` is called in that thread, with the
    topics that exist.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        needs: Mapping[str, TopicNeeds],
        reference: str,
        *,
        on_described: Callable[[Mapping[str, ExistingTopic]], None] = lambda _existing: None,
    ) -> None:
        """`reference`: the topic that others are co-partitioned with."""
        self._kafka, self._needs, self._reference = kafka, needs, reference
        self._on_described = on_described
        self._stopping, self._has_looked = threading.Event(), threading.Event()
        self._thread = BackgroundThread("the watch of the topics", self._watch)
        self._unchecked: Mapping[str, str] = {}
        self.faults: tuple[TopicFault, ...] = ()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; does not wait for a look that is under way."""
        self._thread.stop_expected()
        self._stopping.set()

    def wait_for(self, *topics: str) -> None:
        """Wait while topics are known to be missing or hidden. While Kafka does not answer, that is not known."""
        self._has_looked.wait(_FIRST_LOOK_SECONDS)
        while any(fault.kind in ("missing", "hidden") and fault.topic in topics for fault in self.faults):
            time.sleep(_POLL_SECONDS)

    def reason(self) -> str | None:
        """Why the service is not ready: a sentence for each fault that it must not work with, or None."""
        vital = [fault.sentence for fault in self.faults if fault.vital]
        return f"{'; '.join(vital)}; {_MEND}" if vital else None

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.note(asyncio.run(self._describe()))
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("the topics cannot be described", extra={"error": repr(error)})
            self._has_looked.set()
            self._stopping.wait(_FAULTY_SECONDS if self.reason() else CHECK_SECONDS)

    async def _describe(self) -> dict[str, ExistingTopic]:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await describe_topics(self._kafka, {*self._needs, self._reference} - {""})

    def note(self, existing: Mapping[str, ExistingTopic]) -> None:
        """Judge the topics; log what is new."""
        before, self.faults = self.faults, tuple(judge(self._needs, existing, self._reference))
        for fault in self.faults:
            if fault.vital and fault not in before:
                log.error("%s; %s", fault.sentence, _MEND)
        if any(fault.vital for fault in before) and self.reason() is None:
            log.info("the topics are as they must be")
        self._note_unchecked(unchecked(self._needs, existing))
        for topic in self._needs:
            vital = [fault for fault in self.faults if fault.vital and fault.topic == topic]
            metrics.TOPIC_FAULTS.labels(topic).set(len(vital))
        self._on_described(existing)

    def _note_unchecked(self, sentences: Mapping[str, str]) -> None:
        for topic, sentence in sentences.items():
            if self._unchecked.get(topic) != sentence:
                log.warning("%s; going on", sentence)
        self._unchecked = sentences
