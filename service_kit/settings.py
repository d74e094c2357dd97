"""Settings: frozen dataclasses that are read once from `FOOTFALL_…` variables. One error reports every fault."""

import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

PREFIX = "FOOTFALL_"
WRONG_SETTINGS = 2
REQUIRED: Any = MISSING

S = TypeVar("S")


class Secret(str):
    """Text that `repr` and logs do not show; `reveal()` returns it.

    `file` is the file that it was read from, if any. Whoever opens a new connection calls `reveal_current()`.
    """

    __slots__ = ("file",)
    file: Path | None

    def __new__(cls, text: str, file: Path | None = None) -> "Secret":
        secret = super().__new__(cls, text)
        secret.file = file
        return secret

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def reveal(self) -> str:
        """Return the text itself."""
        return str.__str__(self)

    def reveal_current(self) -> str:
        """What the file holds by now; the text as it was first read where there is no file, or none to be read."""
        if self.file is None:
            return self.reveal()
        try:
            return self.file.read_text().strip() or self.reveal()
        except (OSError, UnicodeDecodeError):
            return self.reveal()


class SettingsError(Exception):
    """One or more settings are missing or wrong; `faults` has a sentence for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("Settings are missing or wrong:\n" + "\n".join(f"  {fault}" for fault in faults))


def setting(
    default: Any = REQUIRED,
    *,
    help: str,
    minimum: float | None = None,
    maximum: float | None = None,
    min_length: int = 0,
    check: Callable[[Any], None] | None = None,
) -> Any:
    """Declare a field of a settings class; without a default the variable is required.

    `check` raises ValueError with the words that follow "must be"; see `service_kit.setting_checks`.
    """
    bounds = {"minimum": minimum, "maximum": maximum, "min_length": min_length}
    metadata = {"help": help, **bounds, "check": check}
    return field(default=default, metadata=metadata)


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """Read `cls` from the environment. Raise `SettingsError` naming every missing or wrong variable."""
    faults: list[str] = []
    loaded = _load(cls, environ, faults)
    if faults:
        raise SettingsError(faults)
    return loaded


def load_or_exit(cls: type[S], environ: Mapping[str, str]) -> S:
    """As `load`, for entry points: print the faults on standard error and exit with code 2."""
    try:
        return load(cls, environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(WRONG_SETTINGS)


def variables(cls: type[Any]) -> dict[str, Field[Any]]:
    """Every variable that `cls` reads, nested settings included, by its name in the environment."""
    found: dict[str, Field[Any]] = {}
    hints = typing.get_type_hints(cls)
    for declared in fields(cls):
        if is_dataclass(hints[declared.name]):
            found |= variables(hints[declared.name])
        else:
            found[_variable(declared)] = declared
    return found


def _load(cls: type[S], environ: Mapping[str, str], faults: list[str]) -> S:
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    before = len(faults)
    for declared in fields(cls):  # type: ignore[arg-type] # S is a dataclass, which TypeVar cannot say
        hint = hints[declared.name]
        if is_dataclass(hint):
            values[declared.name] = _load(typing.cast(type[Any], hint), environ, faults)
            continue
        text = _text(declared, hint, environ, faults)
        if text:
            value = _read(declared, hint, text, faults)
            file = environ.get(_variable(declared) + "_FILE")
            values[declared.name] = (
                Secret(value.reveal(), Path(file)) if file and isinstance(value, Secret) else value
            )
        elif declared.default is MISSING and _variable(declared) + "_FILE" not in environ:
            faults.append(f"{_variable(declared)} is not set. {declared.metadata['help']}")
    if len(faults) > before:
        return typing.cast(S, None)
    try:
        return cls(**values)
    except ValueError as error:  # a check of several settings, in the class's `__post_init__`
        faults.append(str(error))
        return typing.cast(S, None)


def _text(declared: Field[Any], hint: Any, environ: Mapping[str, str], faults: list[str]) -> str:
    """The text of a variable, or for secrets of the file that `…_FILE` names."""
    name, file_name = _variable(declared), _variable(declared) + "_FILE"
    if not _is_secret(hint) or file_name not in environ:
        return environ.get(name, "")
    if name in environ:
        faults.append(f"{name} and {file_name} are both set; choose one.")
    try:
        return Path(environ[file_name]).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{file_name} cannot be read: {error}. {declared.metadata['help']}")
        return ""


def _is_secret(hint: Any) -> bool:
    return hint is Secret or Secret in get_args(hint)


def _variable(declared: Field[Any]) -> str:
    return PREFIX + declared.name.upper()


def _read(declared: Field[Any], hint: Any, text: str, faults: list[str]) -> Any:
    # A type that this package does not know reads itself. It raises ValueError with a sentence for each fault.
    if read_itself := getattr(_without_none(hint), "from_setting", None):
        try:
            return read_itself(text)
        except ValueError as error:
            faults += [f"{_variable(declared)}: {fault}" for fault in error.args]
            return None
    try:
        value = _convert(hint, text)
        _check_range(declared, value)
        if declared.metadata["check"]:
            declared.metadata["check"](value)
    except ValueError as error:
        shown = "" if _is_secret(hint) else f", not {text!r}"
        faults.append(f"{_variable(declared)} must be {error}{shown}. {declared.metadata['help']}")
        return None
    return value


def _check_range(declared: Field[Any], value: Any) -> None:
    minimum, maximum = declared.metadata["minimum"], declared.metadata["maximum"]
    if minimum is not None and value < minimum:
        raise ValueError(f"at least {minimum}")
    if maximum is not None and value > maximum:
        raise ValueError(f"at most {maximum}")
    if isinstance(value, str) and len(value) < declared.metadata["min_length"]:
        raise ValueError(f"{declared.metadata['min_length']} characters or more")


def _boolean(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False}
    words["off"] = False
    if text.lower() not in words:
        raise ValueError("true or false")
    return words[text.lower()]


def _number(kind: type[int] | type[float], words: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(words) from None

    return convert


_CONVERTERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    Secret: Secret,
    Path: Path,
    bool: _boolean,
    int: _number(int, "a whole number"),
    float: _number(float, "a number"),
    tuple[str, ...]: lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
}


def _convert(hint: Any, text: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError("one of " + ", ".join(get_args(hint)))
        return text
    return _CONVERTERS[_without_none(hint)](text)


def _without_none(hint: Any) -> Any:
    """The type of an optional setting."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint
