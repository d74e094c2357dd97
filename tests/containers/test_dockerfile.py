"""Dockerfile, lock files, compose file and chart agree. No container engine is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helm.chart import EXAMPLES, of_example
from tests.helm.pods import containers, template

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
# Each target, with the extra that its image installs.
TARGETS = {
    "collector": "producer",
    "stream-app": "stream",
    "sinks": "sinks",
    "dashboard": "dashboard",
    "registry": "registry",
}

_PINNED = re.compile(r"^([\w.-]+)==(\S+)")


def pins(lock: str) -> dict[str, str]:
    """The pinned versions of a lock file, by library."""
    lines = (ROOT / "requirements" / f"{lock}.lock").read_text().splitlines()
    return {found[1]: found[2] for line in lines if (found := _PINNED.match(line))}


def stages() -> dict[str, str]:
    """The text of each build stage, by name."""
    parts = re.split(r"^FROM \S+ AS (\S+)\n", DOCKERFILE, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert ran.stdout == ""
    assert ran.returncode == 0


def test_the_base_is_pinned_by_digest() -> None:
    assert re.search(r"^ARG PYTHON=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$", DOCKERFILE, re.M)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) <= {"${PYTHON}", *stages()}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_installs_only_the_extra_of_its_service(target: str) -> None:
    assert f"RUN docker/install.sh {TARGETS[target]}\n" in stages()[f"build-{target}"] + "\n"
    (copied,) = re.findall(r"COPY --from=(\S+) /opt/footfall /opt/footfall", stages()[target])
    assert copied == f"build-{target}"


def test_every_service_runs_as_a_numbered_user_and_has_a_health_check() -> None:
    service = stages()["service"]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", service, re.M)
    assert 'CMD ["python", "-m", "service_kit.healthcheck"]' in service
    for target in TARGETS:
        assert re.search(rf"^FROM service AS {target}$", DOCKERFILE, re.M)
        assert "RUN" not in stages()[target]
        assert "USER" not in stages()[target]


@pytest.mark.parametrize("extra", TARGETS.values())
def test_an_image_has_the_versions_that_were_tested(extra: str) -> None:
    assert pins(extra).items() <= pins("dev").items()
    assert "pytest" not in pins(extra)


def test_the_build_copies_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks", "tests"}
    assert {name for name in packages if f"COPY {name} {name}\n" not in DOCKERFILE} == set()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert {name for name in packages if f"!{name}" not in ignored} == set()


def test_the_chart_and_compose_run_only_what_the_images_contain() -> None:
    modules = {"footfall.jobs.topics", "footfall.jobs.smoke_test"} | {
        stages()[t].rsplit('"', 2)[1] for t in TARGETS
    }
    for name in EXAMPLES:
        for each in of_example(name):
            for container in containers(pod) if (pod := template(each)) else []:
                image = container["image"].rpartition("/")[2].partition(":")[0]
                assert image.removeprefix("footfall-") in TARGETS
                assert container["args"][0] in modules
    built = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
    assert {service["build"]["target"] for service in built.values()} == TARGETS.keys()
    for service in built.values():
        assert service["image"] == f"footfall-{service['build']['target']}"
        assert service.get("command", ["sinks"])[0] in modules
        assert service["read_only"] is True


def test_compose_routes_the_paths_that_the_local_stack_serves() -> None:
    routes = COMPOSE["configs"]["routes"]["content"]
    paths = re.findall(r'"(/[a-z./]+)"', (ROOT / "footfall/local/http_apps.py").read_text())
    served = set(paths) - {"/healthz", "/readyz", "/metrics"}
    assert {"/api/analytics", "/registry"} < served
    assert {path for path in served if not re.search(rf"handle(_path)? {path}\b", routes)} == set()


def test_compose_gives_the_same_retention_to_all_services_that_read_it() -> None:
    services = COMPOSE["services"]
    wanted = {name: f"${{{name}:-}}" for name in ("FOOTFALL_RETENTION_DAYS", "FOOTFALL_PACK_AFTER_DAYS")}
    for name in ("collector", "sinks", "dashboard"):
        assert wanted.items() <= services[name]["environment"].items()


def test_compose_mounts_the_event_types_of_a_team_where_the_lines_are_taken_in() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for line in ('volumes: ["./contract:/etc/footfall/contract:ro"]', "env_file: contract.env"):
        assert f"  # {line}\n" in text
        text = text.replace(f"  # {line}\n", f"  {line}\n")
    built = [service for service in yaml.safe_load(text)["services"].values() if "build" in service]
    assert len(built) == 7
    for service in built:
        assert service["volumes"] == ["./contract:/etc/footfall/contract:ro"]
        assert service["env_file"] == "contract.env"


def test_compose_uses_the_versions_that_the_local_stack_uses() -> None:
    from footfall.local.containers import KAFKA_IMAGE, POSTGRES_IMAGE

    assert COMPOSE["services"]["kafka"]["image"] == KAFKA_IMAGE
    assert COMPOSE["services"]["postgres"]["image"] == POSTGRES_IMAGE
