"""Settings come from the environment, and one error reports every fault."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from service_kit.settings import Secret, SettingsError, load, setting, variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    bootstrap: str = setting(help="Where the brokers are.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    inner: Inner
    key: Secret = setting(help="Signs things.", min_length=4)
    limit: int = setting(100, help="Events per minute.", minimum=1, maximum=1000)
    wait: float = setting(0.5, help="Seconds.")
    strict: bool = setting(False, help="Whether to be strict.")
    mode: Literal["one", "two"] = setting("one", help="Which way.")
    origins: tuple[str, ...] = setting((), help="Who may.")
    folder: Path | None = setting(None, help="Where to.")


GIVEN = {"FOOTFALL_BOOTSTRAP": "localhost:9092", "FOOTFALL_KEY": "s3cret"}


def test_unset_variables_have_their_defaults() -> None:
    settings = load(Settings, GIVEN)
    assert settings == Settings(inner=Inner(bootstrap="localhost:9092"), key=Secret("s3cret"))


def test_values_are_read_as_their_types() -> None:
    settings = load(
        Settings,
        GIVEN
        | {
            "FOOTFALL_LIMIT": "7",
            "FOOTFALL_WAIT": "1.5",
            "FOOTFALL_STRICT": "yes",
            "FOOTFALL_MODE": "two",
            "FOOTFALL_ORIGINS": "https://a.example, https://b.example",
            "FOOTFALL_FOLDER": "data",
        },
    )
    assert (settings.limit, settings.wait, settings.strict, settings.mode) == (7, 1.5, True, "two")
    assert settings.origins == ("https://a.example", "https://b.example")
    assert settings.folder == Path("data")


def test_one_error_reports_every_fault() -> None:
    with pytest.raises(SettingsError) as error:
        load(
            Settings,
            {
                "FOOTFALL_LIMIT": "0",
                "FOOTFALL_WAIT": "soon",
                "FOOTFALL_STRICT": "perhaps",
                "FOOTFALL_MODE": "three",
            },
        )
    assert error.value.faults == [
        "FOOTFALL_BOOTSTRAP is not set. Where the brokers are.",
        "FOOTFALL_KEY is not set. Signs things.",
        "FOOTFALL_LIMIT must be at least 1, not '0'. Events per minute.",
        "FOOTFALL_WAIT must be a number, not 'soon'. Seconds.",
        "FOOTFALL_STRICT must be true or false, not 'perhaps'. Whether to be strict.",
        "FOOTFALL_MODE must be one of one, two, not 'three'. Which way.",
    ]


def test_a_secret_that_is_too_short_is_rejected_and_not_shown() -> None:
    with pytest.raises(SettingsError) as error:
        load(Settings, GIVEN | {"FOOTFALL_KEY": "abc"})
    assert error.value.faults == ["FOOTFALL_KEY must be 4 characters or more. Signs things."]


def test_a_secret_is_shown_only_by_reveal() -> None:
    secret = load(Settings, GIVEN).key
    assert "s3cret" not in f"{secret} {secret!r} {load(Settings, GIVEN)}"
    assert secret.reveal() == "s3cret"


def test_the_variables_of_nested_settings_are_listed_too() -> None:
    assert {"FOOTFALL_BOOTSTRAP", "FOOTFALL_LIMIT"} <= variables(Settings).keys()


class Fruits:
    """A type that reads itself."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    @classmethod
    def from_setting(cls, text: str) -> "Fruits":
        names = text.split()
        if unknown := [f"There is no fruit {name}." for name in names if name not in ("apple", "pear")]:
            raise ValueError(*unknown)
        return cls(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    fruits: Fruits | None = setting(None, help="What is in it.")
    limit: int = setting(1, help="How many.", minimum=1)


def test_a_type_reads_itself_and_each_of_its_faults_is_reported_with_all_others() -> None:
    read = load(Basket, {"FOOTFALL_FRUITS": "apple pear"}).fruits
    assert read
    assert read.names == ["apple", "pear"]
    assert load(Basket, {}).fruits is None
    with pytest.raises(SettingsError) as error:
        load(Basket, {"FOOTFALL_FRUITS": "apple stone brick", "FOOTFALL_LIMIT": "0"})
    assert error.value.faults == [
        "FOOTFALL_FRUITS: There is no fruit stone.",
        "FOOTFALL_FRUITS: There is no fruit brick.",
        "FOOTFALL_LIMIT must be at least 1, not '0'. How many.",
    ]


def test_a_secret_of_a_file_is_read_again_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    settings = load(Settings, {"FOOTFALL_BOOTSTRAP": "kafka:9092", "FOOTFALL_KEY_FILE": str(file)})
    file.write_text("second\n")
    assert (settings.key.reveal(), settings.key.reveal_current()) == ("first", "second")
    # While it is being replaced.
    file.write_text("")
    assert settings.key.reveal_current() == "first"
    file.unlink()
    assert settings.key.reveal_current() == "first"
    assert load(Settings, GIVEN).key.reveal_current() == "s3cret"
