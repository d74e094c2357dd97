"""Clients that openapi-generator makes, the most used generator: in Python they post; in Go and TypeScript they compile."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from avro_schemas.event_types import event_type_names
from footfall.local import jars, java
from footfall.local.settings import cache_folder
from service_kit.kafka.settings import KafkaSettings
from tests.clients import DOCUMENTS, Environment, write_documents
from tests.clients.test_python import KEY, started_collector
from tests.npm import NODE, install_shared
from tests.support.workers import Worker

HERE = Path(__file__).parent
VERSION = "7.17.0"
GENERATOR = jars.Bundle(
    "openapi-generator",
    VERSION,
    f"org.openapitools:openapi-generator-cli:{VERSION}",
    30,
    HERE / "openapi_generator.sha256",
)
ALL = pytest.mark.skipif("ALL_CLIENTS" not in os.environ, reason="takes minutes: make clients")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    write_documents(folder)
    return folder


def generate(document: Path, language: str, folder: Path) -> Path:
    """Make a client in a folder of its own."""
    made = folder / f"{language}-{document.stem}"
    class_path = jars.class_path(cache_folder(), print, GENERATOR)
    program = [java.find(cache_folder(), print), "-XX:TieredStopAtLevel=1", "-Dlog.level=error", "-cp", class_path]
    options = ["-i", document, "-g", language, "-o", made, "--package-name", f"openapi_{document.stem}"]
    command = [*program, "org.openapitools.codegen.OpenAPIGenerator", "generate", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return made


@pytest.fixture
def collector(settings: KafkaSettings, tmp_path: Path) -> Iterator[Worker]:
    worker = started_collector(settings, tmp_path)
    yield worker
    worker.end()


@pytest.mark.integration
def test_the_client_in_python_posts_one_event_and_a_list(
    documents: Path, collector: Worker, tmp_path: Path
) -> None:
    client = generate(documents / "collector.json", "python", tmp_path)
    environment = Environment.create(tmp_path / "environment")
    token = jwt.encode({"sub": "ann", "exp": time.time() + 600}, KEY)
    program = HERE / "post_with_openapi_generator.py"
    answers = environment.run(program, client, f"http://127.0.0.1:{collector.port}", token)
    assert answers["single"]["success"]
    assert [each["status"] for each in answers["list"]["results"]] == ["accepted", "accepted"]
    assert {each["event_type"] for each in answers["types"]["event_types"]} == event_type_names()


@ALL
@pytest.mark.timeout(600)
@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_client_in_go_builds(documents: Path, tmp_path: Path, name: str) -> None:
    client = generate(documents / f"{name}.json", "go", tmp_path)
    build = ["go", "build", "-mod=mod", "./..."]
    ran = subprocess.run(build, cwd=client, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@ALL
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_client_in_typescript_compiles(
    documents: Path, tmp_path: Path, shared_folder: Path, name: str
) -> None:
    client = generate(documents / f"{name}.json", "typescript-fetch", tmp_path)
    compiler = install_shared(tmp_path / "npm", shared_folder, HERE) / "typescript" / "bin" / "tsc"
    options = ["--strict", "--noEmit", "--pretty", "false", "--target", "es2020", "--lib", "es2020,dom"]
    command = [
        NODE,
        compiler,
        *options,
        "--moduleResolution",
        "bundler",
        "--module",
        "es2020",
        client / "index.ts",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
