"""A broker that takes OAuth tokens: topics are created, events published, and the stream app runs, with a token of a file."""

import json
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from avro_schemas.topic import EVENTS
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
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


def unsigned_token(user: str) -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": user, "iat": now, "exp": now + 3600})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.skipif(not os.environ.get("FAULT_BROKERS"), reason="takes half a minute: make faults-brokers")
async def test_everything_signs_in_with_the_token_of_a_file(broker: KafkaBroker, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(unsigned_token("footfall"))
    environ = {
        "kafka_bootstrap": broker.bootstrap,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "OAUTHBEARER",
        "kafka_oauth_token_file": str(token),
    }
    settings = load(KafkaSettings, {f"FOOTFALL_{name.upper()}": value for name, value in environ.items()})
    assert {report.state for report in await create_missing(settings)} == {"created"}
    async with AIOKafkaProducer(**settings.client_options()) as producer:
        await producer.send_and_wait(EVENTS, b"not an event")
    worker = Worker("stream_app", tmp_path / "stream_app.log", group_session_timeout_seconds=6, **environ)
    try:
        worker.start(wait=60)
    finally:
        worker.kill()
