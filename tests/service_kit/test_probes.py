"""A service without HTTP of its own answers probes."""

import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from service_kit.probes import Health, Probes


@pytest.fixture
def probes() -> Iterator[Probes]:
    metrics = CollectorRegistry()
    Counter("seen", "Things seen.", registry=metrics).inc(3)
    started = Probes(0, live=lambda: Health(True), ready=lambda: Health(False, "recovering"), metrics=metrics)
    started.start()
    yield started
    started.stop()


def test_a_live_service_answers_200_and_one_that_is_not_ready_503_with_the_reason(probes: Probes) -> None:
    with urlopen(f"http://localhost:{probes.port}/healthz") as answer:
        assert json.load(answer) == {"status": "ok"}
    with pytest.raises(HTTPError) as refused:
        urlopen(f"http://localhost:{probes.port}/readyz")
    with refused.value as answer:
        assert answer.code == 503
        assert json.load(answer) == {"status": "recovering"}


def test_metrics_are_in_the_text_format_of_prometheus(probes: Probes) -> None:
    with urlopen(f"http://localhost:{probes.port}/metrics") as answer:
        assert b"seen_total 3.0" in answer.read()


def test_a_page_is_found_by_its_path_or_gets_a_name() -> None:
    pages = {"/state": lambda _name: {"all": 1}, "/state/users/": lambda name: {"user": name} if name else None}
    started = Probes(0, live=_well, ready=_well, metrics=CollectorRegistry(), pages=pages)
    started.start()
    try:
        for path, says in {"/state": {"all": 1}, "/state/users/ann": {"user": "ann"}}.items():
            with urlopen(f"http://localhost:{started.port}{path}") as answer:
                assert json.load(answer) == says
        for path in ("/state/users/", "/state/other", "/other"):
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://localhost:{started.port}{path}")
            assert b"/state/users/" in refused.value.read()
    finally:
        started.stop()


def _well() -> Health:
    return Health(True)
