"""Contexts, Confluent's namespaces of subjects and ids. This registry has one, the default context `.`.

Clients that know contexts qualify a subject (`:.:footfall.PageView`), or put the context in front of a path
(`/contexts/:.:/subjects`). Another context is legal to ask for, and is empty.
"""

import re
from itertools import pairwise
from urllib.parse import parse_qsl, urlencode

DEFAULT = "."
ANY = "*"
_QUALIFIED = re.compile(r":(\.[^:]*|\*):(.*)", re.DOTALL)


def split(subject: str) -> tuple[str, str]:
    """The context of a subject, and its name there."""
    qualified = _QUALIFIED.fullmatch(subject)
    return (qualified[1], qualified[2]) if qualified else (DEFAULT, subject)


def is_default(subject: str) -> bool:
    """Whether a subject, or a bare context such as `:.:`, is in the only context that is not empty."""
    return split(subject)[0] in (DEFAULT, ANY)


def without_context(path: str, query: str) -> tuple[str, str]:
    """A path below `/contexts/CONTEXT/` as the same path with qualified subjects; every other path as it is."""
    _, first, *rest = path.split("/", 3)
    if first != "contexts" or len(rest) < 2:
        return path, query
    context = "." + rest[0].strip(":").removeprefix(".")
    if context == DEFAULT:
        return f"/{rest[1]}", query
    return _qualify(f":{context}:", rest[1].split("/"), parse_qsl(query, keep_blank_values=True))


def _qualify(context: str, segments: list[str], query: list[tuple[str, str]]) -> tuple[str, str]:
    root = segments[0]
    qualified = [root]
    for before, segment in pairwise(segments):
        is_subject = before == "subjects" or (before == root and root in ("config", "mode"))
        qualified.append(_within(context, segment) if is_subject else segment)
    if segments in (["config"], ["mode"]):
        qualified.append(context)
    if root in ("schemas", "subjects"):
        name = "subjectPrefix" if len(segments) == 1 else "subject"
        asked = dict(query).get(name, "")
        query = [item for item in query if item[0] != name] + [(name, _within(context, asked))]
    return "/" + "/".join(qualified), urlencode(query)


def _within(context: str, subject: str) -> str:
    return subject if _QUALIFIED.fullmatch(subject) else context + subject
