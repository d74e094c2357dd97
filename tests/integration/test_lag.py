"""The dashboard's lag meter counts what was not counted or did not land, on a real broker."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from avro_schemas.topic import EVENTS, named
from dashboard.health.lag import LagMeter, Offsets
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings

pytestmark = pytest.mark.integration


@pytest.fixture
async def settings(kafka: str, topic_prefix: str) -> KafkaSettings:
    settings = KafkaSettings(kafka_bootstrap=kafka, topic_prefix=topic_prefix)
    await create_missing(settings)
    return settings


async def produce(settings: KafkaSettings, *partitions: int) -> None:
    producer = AIOKafkaProducer(**settings.client_options())
    await producer.start()
    try:
        for partition in partitions:
            await producer.send_and_wait(settings.name(EVENTS), b"event", partition=partition)
    finally:
        await producer.stop()


async def commit(settings: KafkaSettings, service: str, partition: int, offset: int) -> None:
    group = settings.name(named(EVENTS).consumer_groups[service])
    consumer = AIOKafkaConsumer(**settings.client_options(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        tp = TopicPartition(settings.name(EVENTS), partition)
        consumer.assign([tp])
        await consumer.commit({tp: offset})
    finally:
        await consumer.stop()


async def test_lag_is_what_did_not_land_whatever_a_group_commits(settings: KafkaSettings) -> None:
    began = time.time()
    await produce(settings, 0, 0, 0, 5)
    # A stranger in the group of the sinks commits what it was given.
    await commit(settings, "sinks", 0, 3)
    landed = {0: 2}

    async def read_landed() -> Offsets:
        return landed

    meter = LagMeter(settings, dict, read_landed)
    await meter.start()
    try:
        await asyncio.sleep(0.5)
        lags = {lag.consumer: lag for lag in await meter.lags()}
        assert {name: lag.events for name, lag in lags.items()} == {"stream app": 4, "sinks": 2}
        oldest = lags["stream app"].oldest_pending_ms
        assert 500 <= oldest <= (time.time() - began) * 1000 + 1_000
        # The same clients see what has changed since.
        landed |= {0: 3, 5: 1}
        await produce(settings, 7)
        assert {lag.consumer: lag.events for lag in await meter.lags()} == {"stream app": 5, "sinks": 1}
        # Before anything is known about what landed, the commits are the best guess.
        landed.clear()
        assert {lag.consumer: lag.events for lag in await meter.lags()} == {"stream app": 5, "sinks": 2}
    finally:
        await meter.stop()


async def nothing_known() -> Offsets:
    return {}


async def test_partitions_that_are_added_count_too(settings: KafkaSettings) -> None:
    meter = LagMeter(settings, dict, nothing_known)
    await meter.start()
    try:
        assert [lag.events for lag in await meter.lags()] == [0, 0]
        admin = AIOKafkaAdminClient(**settings.client_options())
        await admin.start()
        try:
            await admin.create_partitions({settings.name(EVENTS): NewPartitions(total_count=13)})
        finally:
            await admin.close()
        await asyncio.sleep(1)
        await produce(settings, 12)
        assert [lag.events for lag in await meter.lags()] == [1, 1]
    finally:
        await meter.stop()
