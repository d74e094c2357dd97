"""One thing that is wrong with an event, in the words of the answer."""

from dataclasses import dataclass
from typing import Any

_MAX_POINTER_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an event.

    `code` is one of the reasons, `pointer` a JSON pointer (RFC 6901) into the event. `got` is the type and length
    of what was sent, never its value.
    """

    code: str
    pointer: str
    expected: str
    got: str = ""


def describe_value(value: Any) -> str:
    """Type and length of a JSON value: errors say no more about what a client sent."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "whole number"
        case float():
            return "number"
        case str():
            return f"text of {len(value)} characters"
        case list():
            return f"list of {len(value)}"
        case dict():
            return f"object of {len(value)} fields"
    return type(value).__name__


def text_fault(value: str, pointer: str, max_length: int) -> Fault | None:
    """What is wrong with a text, if anything: Postgres takes no NUL, Avro no lone surrogates."""
    if len(value) > max_length:
        return Fault("too_long", pointer, f"at most {max_length} characters", describe_value(value))
    if "\0" in value:
        return Fault("text_invalid", pointer, "text without NUL characters", describe_value(value))
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return Fault("text_invalid", pointer, "text without lone surrogates", describe_value(value))
    return None


def child_pointer(pointer: str, name: str) -> str:
    """The pointer to a member. Clients choose names: they are shortened and made printable for the logs.

    Where names add up to too much, it is the pointer to what holds the member.
    """
    if len(pointer) > _MAX_POINTER_LENGTH:
        return pointer
    shown = name[:50].encode("ascii", "backslashreplace").decode().replace("\0", "\\0")
    return f"{pointer}/{shown.replace('~', '~0').replace('/', '~1')}"
