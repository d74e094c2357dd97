"""Public names are made of the glossary's words, and the words that it bans do not come back."""

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from avro_schemas.reasons import REASONS
from footfall.generate import services
from footfall.generate.docs.metrics import metrics
from service_kit.settings import PREFIX

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text()

# The glossary itself, and the history.
_FREE_TO_SAY = ("docs/glossary.md", "CHANGELOG.md", "tests/docs/")
# Idioms, and names of the standard library.
_PLAIN = re.compile(r"at_(most|least)|most_common|keep_blank_values")
_PROSE = ("*.md", "*.html", "*.yaml", "*.tpl", "*.sql", "*.avsc", "browser/src/*.ts")


def banned(where: str) -> list[str]:
    """The words of the table "Words that we do not use" that are banned from `where`: names or prose."""
    (table,) = re.findall(r"## Words that we do not use\n(.*?)\Z", PAGE, re.S)
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return [word.strip("` ") for cells in rows if cells[-1] == where for word in cells[0].split(",")]


def tracked(*patterns: str) -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if not name.startswith(_FREE_TO_SAY) and (ROOT / name).is_file():
            yield name, (ROOT / name).read_text()


@cache
def python_tokens() -> list[tuple[str, int, str]]:
    """File, kind and text of every name, comment and string of our Python."""
    wanted = {tokenize.NAME, tokenize.COMMENT, tokenize.STRING}
    return [
        (name, token.type, token.string)
        for name, text in tracked("*.py")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type in wanted
    ]


@cache
def names() -> set[tuple[str, str]]:
    return {(file, text) for file, kind, text in python_tokens() if kind == tokenize.NAME}


@cache
def prose() -> list[tuple[str, str]]:
    """Every page, template, comment and string, with the name of its file; white space is made one."""
    pages = [(file, " ".join(text.split())) for file, text in tracked(*_PROSE)]
    sentences: dict[str, list[str]] = {}
    for file, kind, text in python_tokens():
        if kind != tokenize.NAME:
            sentences.setdefault(file, []).append(text.lstrip("# "))
    return pages + [(file, " ".join(" ".join(parts).split())) for file, parts in sentences.items()]


def public_names() -> set[str]:
    settings = {name.removeprefix(PREFIX) for name in services.known_variables()}
    collected = (metric.name for module in services.METRICS.values() for metric in metrics(module))
    exposed = {name.removeprefix("footfall_") for name in collected if name.startswith("footfall_")}
    return {name.lower() for name in (*settings, *exposed, *REASONS)}


def test_settings_metrics_and_reasons_are_made_of_the_glossarys_words() -> None:
    known = set(re.findall(r"[a-z]+", PAGE.lower()))
    strange = {name: unknown for name in public_names() if (unknown := set(name.split("_")) - known)}
    assert not strange, "add the word to docs/glossary.md, or take one that is there"


def test_the_public_names_are_all_there() -> None:
    assert {"max_body_bytes", "sink_lag_seconds", "rate_limited"} <= public_names()


@pytest.mark.parametrize("word", banned("names"))
def test_no_name_has_a_word_that_the_glossary_bans(word: str) -> None:
    pattern = re.compile(rf"(?:^|_){word.strip('_')}(?:_|$)", re.IGNORECASE)
    found = sorted(f"{file}: {name}" for file, name in names() if pattern.search(_PLAIN.sub("", name)))
    assert not found


@pytest.mark.parametrize("phrase", banned("prose"))
def test_no_sentence_has_a_phrase_that_the_glossary_bans(phrase: str) -> None:
    pattern = re.compile(rf"(?<!there )\b{phrase}\b(?! longer| more)", re.IGNORECASE)
    found = [
        f"{name}: {text[max(0, at.start() - 30) : at.end() + 30]}"
        for name, text in prose()
        for at in pattern.finditer(text)
    ]
    assert not found
