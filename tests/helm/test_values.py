"""Values, schema, README and the services' settings agree."""

import dataclasses
import re
import tomllib
import typing
from typing import Any, Literal

import pytest
import yaml

from avro_schemas.topic import EVENTS, all_topics, named
from footfall.contract.access import rules
from footfall.generate.chart import settings
from footfall.generate.chart.schema import COMPONENTS
from footfall.generate.chart.values import values
from service_kit.settings import Secret, variables
from tests.helm.chart import CHART, EXAMPLES, Json, at, example, objects, of_example, over
from tests.helm.pods import containers, template
from tests.helm.switches import choices

# Read by libpq itself.
_LIBPQ = {"PGSSLMODE", "PGSSLROOTCERT"}
_OPENTELEMETRY = {"OTEL_EXPORTER_OTLP_ENDPOINT"}
# Added by the operator, in `every extra field`.
_ADDED = {"TZ", "FOOTFALL_LOG_LEVEL"}
_SETTINGS_OF_PROGRAM = {
    "producer_api": settings.CLASSES["collector"],
    "stream_app": settings.CLASSES["streamApp"],
    "dashboard": settings.CLASSES["dashboard"],
    "registry": settings.CLASSES["registry"],
    "footfall.jobs.topics": settings.CLASSES["topics"],
    "footfall.jobs.smoke_test": settings.CLASSES["test"],
    "sinks": settings.CLASSES["sinks"],
    "sinks migrate": settings.CLASSES["migrations"],
    "sinks maintain": settings.CLASSES["maintenance"],
}


def test_every_value_is_described() -> None:
    groups = {value.path for value in values() if value.about}
    described = [value.path for value in values() if not value.is_group]
    undescribed = [
        path
        for path in described
        if not any(path[:depth] in groups for depth in range(2, len(path) + 1)) and path not in groups
    ]
    assert undescribed == []


def read_by(container: Json) -> "dict[str, dataclasses.Field[Any]]":
    """The variables that the program of a container reads."""
    return variables(_SETTINGS_OF_PROGRAM[" ".join(container["args"][:2])])


def files_read_by(container: Json) -> set[str]:
    """The variables that may name a file with a secret."""
    read = read_by(container).items()
    return {f"{name}_FILE" for name, field in read if Secret in (field.type, *typing.get_args(field.type))}


@pytest.mark.parametrize("values_of", [*EXAMPLES, *choices()])
def test_every_variable_is_read_by_the_program_that_gets_it(values_of: str) -> None:
    rendered = of_example(values_of) if values_of in EXAMPLES else objects(choices()[values_of])
    programs = [container for each in rendered if (pod := template(each)) for container in containers(pod)]
    assert len(programs) > 5
    unread = {
        (container["name"], variable["name"])
        for container in programs
        for variable in container["env"]
        if variable["name"]
        not in read_by(container).keys() | files_read_by(container) | _LIBPQ | _OPENTELEMETRY | _ADDED
    }
    assert unread == set()


@pytest.mark.parametrize("values_of", EXAMPLES)
def test_every_program_gets_its_required_variables(values_of: str) -> None:
    for each in of_example(values_of):
        if not (pod := template(each)):
            continue
        for container in containers(pod):
            required = {name for name, field in read_by(container).items() if field.default is dataclasses.MISSING}
            assert required <= {variable["name"] for variable in container["env"]}, container["name"]


@pytest.mark.parametrize("component", [name for name in settings.CLASSES if settings.plain(name)])
def test_every_setting_can_be_set(component: str) -> None:
    wanted = {key: some_value(declared) for key, declared in settings.plain(component).items()}
    chosen = over(example("minimal"), at(f"{component}.settings", wanted))
    if "eventsPerMinute" in wanted:
        for other in ("collector", "streamApp"):
            chosen = over(chosen, at(f"{other}.settings.eventsPerMinute", wanted["eventsPerMinute"]))
    if component == "collector":
        # A JWKS URL replaces a session key.
        chosen = over(
            chosen, at("collector", {"secretKeys": {"sessionKey": None}, "terminationGracePeriodSeconds": 400})
        )
    rendered = {settings.key_of(name): text for name, text in environment(component, chosen).items()}
    assert {key: rendered.get(key) for key in wanted} == {
        key: in_environment(value) for key, value in wanted.items()
    }


def test_everything_that_deletes_events_or_shows_the_retention_gets_the_same_retention() -> None:
    chosen = over(example("minimal"), at("retention", {"days": 365, "packAfterDays": 14}))
    wanted = {"FOOTFALL_RETENTION_DAYS": "365", "FOOTFALL_PACK_AFTER_DAYS": "14"}
    for component in ("sinks", "maintenance", "dashboard", "collector"):
        assert wanted.items() <= environment(component, chosen).items(), component
    for component in ("streamApp", "registry"):
        assert not wanted.keys() & environment(component, chosen).keys()


FILES = {"shop_signup.v1.avsc": "{}", "lock.json": "{}"}


def test_every_program_but_the_smoke_test_gets_the_event_types_of_a_team_read_only() -> None:
    rendered = objects(over(example("minimal"), at("contract.files", FILES)))
    (config_map,) = (each for each in rendered if each["metadata"]["name"].endswith("-contract"))
    assert config_map["data"] == FILES
    volume = {"name": "contract", "configMap": {"name": config_map["metadata"]["name"]}}
    mount = {"name": "contract", "mountPath": "/etc/footfall/contract", "readOnly": True}
    programs = {}
    for pod in filter(None, map(template, rendered)):
        for container in containers(pod):
            programs[" ".join(container["args"])] = (
                {"name": "FOOTFALL_CONTRACT", "value": "/etc/footfall/contract"} in container["env"],
                mount in container["volumeMounts"],
                volume in pod["spec"]["volumes"],
            )
    assert programs.pop("footfall.jobs.smoke_test") == (False, False, False)
    assert {"producer_api", "stream_app", "sinks", "dashboard", "registry", "sinks migrate"} <= programs.keys()
    assert set(programs.values()) == {(True, True, True)}


@pytest.mark.parametrize(
    "changed",
    [
        {"files": FILES | {"lock.json": '{"a": 1}'}},
        {"existingConfigMap": "existing-types", "revision": "2"},
    ],
    ids=["files", "revision"],
)
def test_pods_restart_when_the_event_types_of_a_team_change(changed: Json) -> None:
    before = {"files": FILES} if "files" in changed else changed | {"revision": "1"}
    templates = [
        {
            each["metadata"]["name"].rsplit("-", 1)[0] if each["kind"] == "Job" else each["metadata"]["name"]: pod
            for each in objects(over(example("minimal"), {"contract": contract}))
            if (pod := template(each)) and each["kind"] != "Pod"
        }
        for contract in (before, changed)
    ]
    assert templates[0].keys() == templates[1].keys()
    assert [name for name in templates[0] if templates[0][name] == templates[1][name]] == []


def test_shared_values_have_the_default_of_their_setting() -> None:
    defaults = {value.name: value.default for value in values()}
    assert {name: defaults[name] for name in settings.SHARED} == {
        name: declared.default for name, declared in settings.SHARED.items()
    }


def environment(component: str, chosen: Json) -> dict[str, str | None]:
    """The environment that a release with these values gives to the program of a component."""
    (program,) = (
        container
        for each in objects(chosen)
        if (pod := template(each))
        for container in pod["spec"]["containers"]
        if container["name"].replace("-", "") == component.lower()
    )
    return {entry["name"]: entry.get("value") for entry in program["env"]}


def some_value(declared: "dataclasses.Field[Any]") -> Any:
    kind = declared.type
    text = str(kind)
    if "Literal" in text:
        literal = next((part for part in typing.get_args(kind) if typing.get_origin(part) is Literal), kind)
        return typing.get_args(literal)[-1]
    if "bool" in text:
        return not declared.default
    if "tuple" in text:
        return ["a", "b"]
    if "int" in text or "float" in text:
        # Large enough for Go to print it as 1e+07.
        return min(declared.metadata["maximum"] or 10_000_000, 10_000_000)
    return "https://example.com/a"


def in_environment(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:.15g}"
        if isinstance(value, float)
        else str(value)
    )


def test_the_autoscaler_of_the_sinks_watches_the_consumer_group_of_the_contract() -> None:
    more = over(at("kafka.topicPrefix", "team-a."), at("sinks.autoscaling.enabled", True))
    scaled = next(each for each in objects(over(example("operators"), more)) if each["kind"] == "ScaledObject")
    watched = scaled["spec"]["triggers"][0]["metadata"]
    assert watched["topic"] == f"team-a.{EVENTS}"
    assert watched["consumerGroup"] == f"team-a.{named(EVENTS).consumer_groups['sinks']}"


def test_the_topics_and_rules_of_strimzi_are_those_of_the_contract() -> None:
    more = over(at("kafka.topicPrefix", "team-a."), at("streamApp.settings.eventTopics", ["page_view"]))
    rendered = objects(over(example("operators"), more))
    created = {each["spec"]["topicName"]: each["spec"] for each in rendered if each["kind"] == "KafkaTopic"}
    assert created.keys() == {f"team-a.{name}" for name in all_topics(["page_view"])}
    config = created["team-a.user-rates"]["config"]
    assert config == {**all_topics()["user-rates"].config, "min.insync.replicas": 2}
    users = {
        each["metadata"]["name"]: each["spec"]["authorization"]["acls"]
        for each in rendered
        if each["kind"] == "KafkaUser"
    }
    principals = {"collector": "producer_api", "stream-app": "stream_app", "topics": "footfall"}
    for component in ("collector", "stream-app", "sinks", "dashboard", "topics"):
        granted = {
            (acl["resource"]["type"], acl["resource"]["name"], operation)
            for acl in users[f"rel-footfall-{component}"]
            for operation in acl["operations"]
        }
        assert granted == {
            (rule.resource, rule.name, operation)
            for rule in rules("team-a.", ["page_view"])
            if rule.principal == principals.get(component, component)
            for operation in rule.operations
        }


def test_the_registry_names_the_topics_and_brokers_of_the_release_and_gets_no_secret() -> None:
    more = over(at("kafka.topicPrefix", "team-a."), at("streamApp.settings.eventTopics", ["page_view", "click"]))
    given = environment("registry", over(example("production"), more))
    kafka = over(example("production"), more)["kafka"]
    assert given["FOOTFALL_EVENT_TOPICS"] == "page_view,click"
    assert given["FOOTFALL_TOPIC_PREFIX"] == "team-a."
    assert given["FOOTFALL_KAFKA_BOOTSTRAP"] == kafka["bootstrapServers"]
    assert given["FOOTFALL_KAFKA_SECURITY_PROTOCOL"] == kafka["securityProtocol"]
    assert not [name for name in given if "PASSWORD" in name or "USERNAME" in name]
    assert "FOOTFALL_EVENT_TOPICS" not in environment("registry", example("minimal"))


def test_the_app_version_is_that_of_the_project() -> None:
    project = tomllib.loads((CHART.parent / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]


def test_the_docs_name_only_existing_values() -> None:
    existing = {value.name for value in values()}
    components = {
        f"{component}.{value.name.removeprefix('pod.')}" for component in COMPONENTS for value in values()
    }
    service_settings = {f"{name}.settings.{key}" for name in settings.CLASSES for key in settings.plain(name)}
    service_settings |= {f"{name}.secretKeys.{key}" for name in settings.CLASSES for key in settings.secret(name)}
    text = "".join((CHART.parent / page).read_text() for page in ("docs/kubernetes.md", "helm/UPGRADING.md"))
    named = {
        name.partition(":")[0] for name in re.findall(r"`((?:[a-z]+[A-Za-z]*\.)+[a-z][A-Za-z]+(?::[^`]*)?)`", text)
    }
    files = {name for name in named if name.endswith((".yaml", ".crt", ".key"))}
    assert len(named) > 30
    assert named - files - existing - components - service_settings == set()


def test_the_values_in_the_docs_are_valid() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (CHART.parent / "docs/kubernetes.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        assert objects(yaml.safe_load(block))


def test_only_named_peers_connect_to_what_has_nothing_but_probes_and_metrics() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    for metrics_from in ([], [peer]):
        values = example("minimal") | {"networkPolicy": {"metrics": {"from": metrics_from}}}
        reached = {
            component: rule.get("from", "everybody")
            for each in objects(values)
            if each["kind"] == "NetworkPolicy"
            for rule in each["spec"].get("ingress", [])
            for component in each["spec"]["podSelector"]["matchExpressions"][0]["values"]
            if component in ("stream-app", "sinks")
        }
        assert reached == ({"stream-app": metrics_from, "sinks": metrics_from} if metrics_from else {})
