"""A broker that takes OAuth tokens: with one of a file everything runs; one that it refuses is named, in its words."""

import json
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from avro_schemas.topic import EVENTS
from footfall.doctor.kafka import check_kafka
from footfall.failures import explain
from footfall.kafka.topics import create_missing
from service_kit.kafka.reconnecting_client import ReconnectingClient
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.sign_in import SignInRefused
from service_kit.settings import load
from tests.support.kafka_brokers import KafkaBroker
from tests.support.workers import Worker

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """It takes unsigned tokens, as Kafka does by default for development."""
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    oauth = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
    started = KafkaBroker(
        tmp_path / "kafka",
        listener_security_protocol_map="PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        inter_broker_listener_name="PLAINTEXT",
        sasl_mechanism_inter_broker_protocol="PLAIN",
        listener_name_plaintext_sasl_enabled_mechanisms="PLAIN,OAUTHBEARER",
        listener_name_plaintext_plain_sasl_jaas_config=f'{plain} username="admin" password="x" user_admin="x";',
        listener_name_plaintext_oauthbearer_sasl_jaas_config=f'{oauth} unsecuredLoginStringClaim_sub="admin";',
    )
    yield started
    started.end()


def unsigned_token(user: str, seconds: int = 3600) -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": user, "iat": now - 7200, "exp": now + seconds})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.skipif(not os.environ.get("FAULT_BROKERS"), reason="takes half a minute: make faults-brokers")
async def test_everything_signs_in_with_the_token_of_a_file(broker: KafkaBroker, tmp_path: Path) -> None:
    token = tmp_path / "token"
    environ = {
        "kafka_bootstrap": broker.bootstrap,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "OAUTHBEARER",
        "kafka_oauth_token_file": str(token),
    }
    settings = kafka_settings(environ)
    with pytest.raises(SignInRefused, match=r"there is no token to sign in to Kafka with: .*No such file"):
        await create_missing(settings)
    token.write_text(unsigned_token("footfall", seconds=-3600))
    await assert_it_says(settings, "the broker refused the token: ", "invalid_token", "FOOTFALL_KAFKA_OAUTH_")
    token.write_text(unsigned_token("footfall"))
    assert {report.state for report in await create_missing(settings)} == {"created"}
    async with AIOKafkaProducer(**settings.client_options()) as producer:
        await producer.send_and_wait(EVENTS, b"not an event")
    await assert_a_client_whose_brokers_moved_signs_in_again(settings)
    worker = Worker("stream_app", tmp_path / "stream_app.log", group_session_timeout_seconds=6, **environ)
    try:
        worker.start(wait=60)
    finally:
        worker.kill()
    password = {"kafka_sasl_mechanism": "PLAIN", "kafka_sasl_username": "admin", "kafka_sasl_password": "wrong"}
    refused = kafka_settings(environ | password)
    await assert_it_says(refused, "the broker refused the user or password: ", "FOOTFALL_KAFKA_SASL_PASSWORD")


async def assert_it_says(settings: KafkaSettings, *words: str) -> None:
    """In an error, in what a command says of it, and in what `footfall doctor` finds."""
    with pytest.raises(SignInRefused) as refused:
        await create_missing(settings)
    (finding,) = await check_kafka(settings)
    for word in words:
        assert word in explain(refused.value)
        assert word in f"{finding.message} {finding.fix}"


async def assert_a_client_whose_brokers_moved_signs_in_again(settings: KafkaSettings) -> None:
    client = ReconnectingClient(**settings.client_options())
    await client.bootstrap()
    try:
        assert await client._bootstrap_again(client.cluster, [])
    finally:
        await client.close()


def kafka_settings(environ: dict[str, str]) -> KafkaSettings:
    return load(KafkaSettings, {f"FOOTFALL_{name.upper()}": value for name, value in environ.items()})
