"""Values that have the right type and would still be a mistake."""

import secrets
from collections.abc import Callable

import pytest

import producer_api.settings
from producer_api.settings import Settings
from service_kit.sessions.settings import SessionSettings
from service_kit.setting_checks import hard_to_guess, origins, proxies
from service_kit.settings import SettingsError, load
from service_kit.startup import published_keys

KEY = "7b6e0d5c4a3f2918e7d6c5b4a3928170f"
GIVEN = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "localhost:1",
    "FOOTFALL_HASH_KEY": "a hash key for tests",
    "FOOTFALL_SESSION_KEY": KEY,
}


@pytest.mark.parametrize(
    "secret", ["a" * 32, "password" * 4, "0123456789" * 4, "abcdefgh" * 4 + "", "abab" * 9 + "c"]
)
def test_repetitions_are_no_keys(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand"):
        hard_to_guess(secret)


def test_random_keys_are_keys() -> None:
    for make in (secrets.token_hex, secrets.token_urlsafe):
        for _key in range(200):
            hard_to_guess(make(16))


@pytest.mark.parametrize(
    ("check", "wrong", "right"),
    [
        (
            proxies,
            ["*", "0.0.0.0/0", "::/0", "10.0.0.0/33", "proxy.example"],
            ["10.0.0.0/8", "192.0.2.1", "fd00::/8"],
        ),
        (
            origins,
            ["*", "https://*.example", "https://a.example/", "a.example", "ftp://a.example", "https://"],
            ["https://a.example", "http://localhost:5173"],
        ),
    ],
)
def test_each_entry_of_a_list_is_checked(
    check: Callable[[list[str]], None], wrong: list[str], right: list[str]
) -> None:
    check(right)
    for entry in wrong:
        with pytest.raises(ValueError, match=r"such as|could choose|as browsers"):
            check([right[0], entry])


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"FOOTFALL_HASH_KEY": "a" * 16}, "FOOTFALL_HASH_KEY must be hard to guess"),
        ({"FOOTFALL_SESSION_KEY": "s" * 32}, "FOOTFALL_SESSION_KEY must be hard to guess"),
        ({"FOOTFALL_HASH_KEY": KEY}, "FOOTFALL_HASH_KEY must differ from FOOTFALL_SESSION_KEY."),
        (
            {"FOOTFALL_HASH_KEY": KEY[::-1], "FOOTFALL_BACKEND_KEYS": f"shop={KEY[::-1]}"},
            "FOOTFALL_HASH_KEY must differ from the key of shop in FOOTFALL_BACKEND_KEYS.",
        ),
        ({"FOOTFALL_BACKEND_KEYS": f"shop={KEY},cart={KEY}"}, "no name and no key appears twice"),
        ({"FOOTFALL_BACKEND_KEYS": "shop=" + "x" * 40}, "FOOTFALL_BACKEND_KEYS must be hard to guess"),
        ({"FOOTFALL_TRUSTED_PROXIES": "10.0.0.0/8, *"}, "FOOTFALL_TRUSTED_PROXIES must be IPs or networks"),
        ({"FOOTFALL_ALLOWED_ORIGINS": "https://a.example/"}, "FOOTFALL_ALLOWED_ORIGINS must be origins"),
        ({"FOOTFALL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs FOOTFALL_KAFKA_SASL_USERNAME"),
        ({"FOOTFALL_SESSION_KEY": "", "FOOTFALL_SESSION_JWKS_URL": "https://"}, "must be a URL"),
    ],
)
def test_the_collector_does_not_start_with_a_weak_setting_and_never_shows_a_key(
    environ: dict[str, str], message: str
) -> None:
    load(Settings, GIVEN)
    with pytest.raises(SettingsError) as error:
        load(producer_api.settings.Settings, GIVEN | environ)
    assert message in str(error.value)
    keys = [value for name, value in (GIVEN | environ).items() if name.endswith("_KEY")]
    assert not any(key and key in str(error.value) for key in keys)


def test_a_jwks_url_without_tls_or_without_an_audience_is_warned_of() -> None:
    def warnings(url: str, **more: str) -> str:
        return " ".join(SessionSettings(session_jwks_url=url, **more).warnings())

    assert "not https" in warnings("http://id.example/keys", session_audience="shop")
    assert "FOOTFALL_SESSION_AUDIENCE" in warnings("https://id.example/keys")
    for url in ("https://id.example/keys", "http://localhost:8080/keys", "file:///keys.json"):
        assert warnings(url, session_audience="shop") == ""


def test_keys_of_the_compose_file_are_recognised() -> None:
    environ = {"FOOTFALL_HASH_KEY": "for-this-machine-only-hash-key", "FOOTFALL_SESSION_KEY": KEY}
    assert published_keys(environ) == ["FOOTFALL_HASH_KEY"]
