"""At its start a service warns of settings that nothing reads, and counts them."""

import logging

import pytest

from service_kit import metrics, startup
from service_kit.startup import unknown_settings


@pytest.mark.parametrize(("name", "suggestion"), [
    ("FOOTFALL_KAFKA_BOOTSTRAPS", "FOOTFALL_KAFKA_BOOTSTRAP"),
    ("FOOTFALL_HASHKEY", "FOOTFALL_HASH_KEY"),
    ("FOOTFALL_HASH_KEY_FLIE", "FOOTFALL_HASH_KEY_FILE"),
    ("FOOTFALL_SOMETHING_ELSE_ALTOGETHER", None),
])  # fmt: skip
def test_a_misspelt_setting_suggests_a_similar_one(name: str, suggestion: str | None) -> None:
    assert unknown_settings({name: "x"}) == {name: suggestion}


def test_known_settings_and_variables_kubernetes_are_not_unknown() -> None:
    kubernetes = {
        "FOOTFALL_COLLECTOR_SERVICE_HOST": "10.0.0.1",
        "FOOTFALL_COLLECTOR_SERVICE_PORT_HTTP": "80",
        "FOOTFALL_COLLECTOR_PORT": "tcp://10.0.0.1:80",
        "FOOTFALL_COLLECTOR_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    known = {"FOOTFALL_HASH_KEY_FILE": "/key", "FOOTFALL_URL": "http://localhost", "FOOTFALL_PORT": "3000"}
    assert unknown_settings(kubernetes | known | {"HOME": "/"}) == {}


def test_a_service_warns_of_unknown_settings_and_counts_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("service_kit.logs.configure", lambda service, level: None)
    with caplog.at_level(logging.WARNING):
        startup.begin("sinks", {"FOOTFALL_LOG_LEVLE": "secret"})
    assert "FOOTFALL_LOG_LEVLE is set and nothing reads it; did you mean FOOTFALL_LOG_LEVEL?" in caplog.text
    assert "secret" not in caplog.text
    assert metrics.SHARED.get_sample_value("footfall_unknown_settings") == 1
