"""Brokers that ask who may do what: with the rules that `footfall acls` prints everybody does all of their work.

Without them, each service says in a sentence what it lacks, and goes on once it has been granted. `make faults-brokers`
runs it.
"""

import argparse
import asyncio
import json
import os
import shlex
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it does not list them
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from typer.testing import CliRunner

from footfall.cli import build
from footfall.contract.access import kafka_acls
from footfall.doctor.kafka import check_cluster, check_kafka
from footfall.kafka.lag import current_lags
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import Secret
from tests.support.database import at
from tests.support.kafka_brokers import KafkaBroker
from tests.support.workers import Worker

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not os.environ.get("FAULT_BROKERS"), reason="takes half a minute: make faults-brokers"),
]

PASSWORD = "not-a-secret"
SERVICES = ("footfall-producer-api", "footfall-stream-app", "footfall-sinks", "footfall-dashboard")
USERS = ("admin", "footfall", "footfall-subscribers", *SERVICES)
KEY = "0123456789abcdefghijABCDEFGHIJ0123456789"
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
KNOWN = " ".join(f'user_{user}="{PASSWORD}"' for user in USERS)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    started = KafkaBroker(
        tmp_path / "kafka",
        authorizer_class_name="org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        super_users="User:admin;User:ANONYMOUS",  # the controller knows nobody
        listener_security_protocol_map="PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        inter_broker_listener_name="PLAINTEXT",
        sasl_mechanism_inter_broker_protocol="PLAIN",
        listener_name_plaintext_sasl_enabled_mechanisms="PLAIN",
        listener_name_plaintext_plain_sasl_jaas_config=(
            f'{LOGIN} username="admin" password="{PASSWORD}" {KNOWN};'
        ),
    )
    yield started
    started.end()


def as_user(broker: KafkaBroker, user: str) -> KafkaSettings:
    return KafkaSettings(
        kafka_bootstrap=broker.bootstrap,
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_mechanism="PLAIN",
        kafka_sasl_username=user,
        kafka_sasl_password=Secret(PASSWORD),
    )


def environ(broker: KafkaBroker, user: str) -> dict[str, str]:
    return {
        "kafka_bootstrap": broker.bootstrap,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": user,
        "kafka_sasl_password": PASSWORD,
    }


def librdkafka(broker: KafkaBroker, user: str, **more: object) -> dict[str, Any]:
    return {
        "bootstrap.servers": broker.bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": PASSWORD,
        "log_level": 0,
    } | more


@pytest.fixture
def services(broker: KafkaBroker, postgres: str, tmp_path: Path) -> Iterator[dict[str, Worker]]:
    """Each service as its own user, not started yet."""

    def worker(module: str, user: str, **settings: object) -> Worker:
        return Worker(module, tmp_path / f"{module}.log", **(environ(broker, user) | settings))  # type: ignore[arg-type]

    group = {"group_instance_id": "only", "group_session_timeout_seconds": 6}
    keys = {"hash_key": "a hash key for tests", "session_key": "a session key of thirty-two characters"}
    created = {
        "collector": worker(
            "producer_api", SERVICES[0], port="PORT", host="127.0.0.1", backend_keys=f"backend={KEY}", **keys
        ),
        "stream app": worker("stream_app", SERVICES[1], event_topics="click", **group),
        "sinks": worker("sinks", SERVICES[2], postgres_dsn=postgres, **group),
        "dashboard": worker(
            "dashboard", SERVICES[3], port="PORT", host="127.0.0.1", postgres_dsn=postgres, trust_loopback=True
        ),
    }
    yield created
    for each in created.values():
        if each.process and each.process.poll() is None:
            each.kill()


def test_each_service_does_its_work_with_its_rules_and_says_which_it_lacks(
    broker: KafkaBroker, services: dict[str, Worker], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = AdminClient(librdkafka(broker, "admin"))
    grant(admin, [line for line in kafka_acls("", ["click"]) if "User:footfall --" in line])
    for name, value in environ(broker, "footfall").items():
        monkeypatch.setenv(f"FOOTFALL_{name.upper()}", value)
    monkeypatch.setenv("FOOTFALL_POSTGRES_DSN", postgres)
    monkeypatch.setenv("FOOTFALL_HASH_KEY", "a hash key for tests")
    monkeypatch.setenv("FOOTFALL_EVENT_TOPICS", "click")
    run("topics")

    for each in services.values():
        each.start(wait=0)
    for name, each in services.items():
        until(lambda each=each: says(each, "grant it what `footfall acls` prints"), name, each)  # type: ignore[misc] # bound

    grant(admin, kafka_acls("", ["click"]))
    for name, each in services.items():
        if each.process and each.process.poll() is not None:
            each.start(wait=0)
        until(each.is_ready, name, each)
    until(lambda: post(services["collector"]) == 200, "posting", services["collector"])
    until(lambda: rows(postgres) == 1, "landing", services["sinks"])
    run("erase", "--user-key", "0" * 32)
    run("topics", "--check")
    run("tail", "--last", "1", "--exit")
    run("dead-letters", "list")
    settings = as_user(broker, "footfall")
    until(lambda: lags(settings, postgres) == {"stream app": 0, "sinks": 0}, "lag", services["stream app"])
    found = asyncio.run(check_kafka(settings, ["click"]))
    found += asyncio.run(check_cluster(settings, ["click"], postgres=at(postgres)))
    assert {finding.part for finding in found} >= {"kafka", "topics", "version", "replicas", "lag"}
    assert {finding.state for finding in found} == {"ok"}, found
    dashboard = services["dashboard"]
    until(lambda: dashboard.metrics()["footfall_dashboard_connected"] == 1, "live", dashboard)
    # A worker that comes back reads its state.
    services["stream app"].end()
    services["stream app"].start()
    subscribers_read_and_do_not_write(broker)


def grant(admin: AdminClient, lines: list[str]) -> None:
    """What `kafka-acls` does with these arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--add", action="store_true")
    parser.add_argument("--allow-principal")
    parser.add_argument("--operation", action="append")
    parser.add_argument("--topic")
    parser.add_argument("--group")
    parser.add_argument("--resource-pattern-type")
    bindings = []
    for line in lines:
        rule = parser.parse_args(shlex.split(line))
        bindings += [
            AclBinding(
                ResourceType.TOPIC if rule.topic else ResourceType.GROUP,
                rule.topic or rule.group,
                ResourcePatternType[rule.resource_pattern_type.upper()],
                rule.allow_principal,
                "*",
                AclOperation[OPERATIONS.get(operation, operation.upper())],
                AclPermissionType.ALLOW,
            )
            for operation in rule.operation
        ]
    for created in admin.create_acls(list(dict.fromkeys(bindings))).values():
        created.result(20)


OPERATIONS = {"DescribeConfigs": "DESCRIBE_CONFIGS", "AlterConfigs": "ALTER_CONFIGS"}


def run(*command: str) -> str:
    """A command of `footfall` that succeeds; what it printed."""
    result = CliRunner().invoke(build(command[0]), command)
    assert result.exit_code == 0, (command, result.output, result.exception)
    return result.stdout


def lags(kafka: KafkaSettings, dsn: str) -> dict[str, int]:
    """Records that wait, by reader."""
    found: dict[str, int] = {}
    for lag in asyncio.run(current_lags(kafka, at(dsn))):
        found[lag.reader] = found.get(lag.reader, 0) + lag.records
    return found


def says(worker: Worker, words: str) -> bool:
    """Whether it says why it is not ready, or did so when it ended."""
    return words in (worker.unready_because() or "") or words in worker.log()


def post(collector: Worker) -> int:
    body = json.dumps({"event_type": "click", "event_data": {"element": "logo"}}).encode()
    headers = {"Content-Type": "application/json", "Footfall-Key": KEY}
    url = f"http://127.0.0.1:{collector.port}/api/analytics/collect"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=8) as answer:
            return int(answer.status)
    except OSError:
        return 0


def rows(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute("select count(*) from footfall.raw_events").fetchone() or (0,)
    return int(count)


def subscribers_read_and_do_not_write(broker: KafkaBroker) -> None:
    options = {"group.id": "subscriber-team", "auto.offset.reset": "earliest"}
    reader = Consumer(librdkafka(broker, "footfall-subscribers", **options))
    reader.subscribe(["events"])
    message = reader.poll(30)
    reader.close()
    assert message is not None
    assert message.error() is None, message.error()
    writer = Producer(librdkafka(broker, "footfall-subscribers"))
    errors = list[str]()
    with pytest.raises(KafkaException):
        writer.produce("events", b"x", on_delivery=lambda error, _message: errors.append(str(error)))
        writer.flush(20)
        raise KafkaException(errors)
    assert ["authoriz" in error.lower() for error in errors] == [True]


def until(what: Callable[[], bool], name: str, worker: Worker, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{name}: {worker.unready_because()}\n{worker.log()}"
        time.sleep(0.2)
