"""Commands that work without a running stack: output and exit codes."""

import json
import subprocess
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType

import pytest
from typer.testing import CliRunner

from avro_schemas.event_types import describe_event_types, event_type_names
from footfall import failures
from footfall.cli import build
from footfall.commands.progress import Progress
from tests.support.json_lines import json_lines

CLICK = {"event_type": "click", "event_data": {"element": "buy"}}


NO_KAFKA = {"FOOTFALL_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
NO_POSTGRES = {"FOOTFALL_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/none"}


def footfall(
    *arguments: str, environ: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, without a stack."""
    nowhere = {"FOOTFALL_DATA_DIR": str(Path(__file__).with_name("no_such_folder"))}
    return subprocess.run(
        [sys.executable, "-m", "footfall", *arguments],
        env={**nowhere, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def run(command: str, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(build(command), [command, *arguments], input=stdin)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "event", [each["example"] for each in describe_event_types()], ids=lambda e: e["event_type"]
)
def test_the_example_of_every_type_is_valid(event: object) -> None:
    assert run("validate", json.dumps(event)) == (0, "The event is valid; nothing was recorded\n")


def test_validate_reports_each_fault_with_its_place_and_what_it_got() -> None:
    code, output = run("validate", "-", stdin=json.dumps([CLICK, {"event_type": "clik", "event_data": 7}]))
    assert code == 1
    assert "/1/event_type" in output
    assert 'did you mean "click"?' in output
    assert "got: whole number" in output
    assert "1 of 2 events valid" in output


def test_validate_prints_the_collectors_response() -> None:
    code, output = run("validate", "--json", json.dumps([CLICK]))
    assert code == 0
    assert json.loads(output)["results"] == [{"index": 0, "event_id": None, "status": "accepted"}]


def test_validate_rejects_invalid_json() -> None:
    code, output = run("validate", "{")
    assert code == 1
    assert "valid JSON" in output


def test_unknown_events_can_be_accepted() -> None:
    event = json.dumps({"event_type": "tea_made", "event_data": {}})
    assert run("validate", event)[0] == 1
    code, output = run("validate", "--accept-unknown", event)
    assert code == 0
    assert 'hint: "tea_made" is not in the catalogue' in output


def test_types_lists_all_and_shows_one() -> None:
    code, output = run("types", "list")
    assert code == 0
    assert all(name in output for name in event_type_names())
    code, output = run("types", "show", "page_view")
    assert code == 0
    assert "referrer" in output
    assert json.loads(run("types", "show", "page_view", "--json")[1])["schema"]["required"] == ["page"]
    code, output = run("types", "show", "pageview")
    assert code == 1
    assert 'Did you mean "page_view"?' in output


def test_bench_lists_the_benchmarks() -> None:
    listed = run("bench")[1].split()
    assert listed == [
        "collect",
        "collect_steps",
        "end_to_end",
        "history",
        "hostile_requests",
        "late",
        "layout",
        "live",
        "live_state",
        "readers",
        "recovery",
        "sink",
        "stream",
        "viewers",
        "visits",
    ]
    assert run("bench", "nothing")[0] == 1


def test_events_come_from_the_command_line_from_stdin_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text(json.dumps([CLICK, CLICK]))
    assert run("validate", f"@{file}") == (0, "2 of 2 events valid; nothing was recorded\n")
    assert run("validate", str(file)) == (2, f"To read the file {file}, write @{file}.\n")
    code, output = run("validate", f"@{file}x")
    assert code == 2
    assert "cannot be read: No such file" in output


def test_all_erasures_are_repeated_or_one_user_is_erased() -> None:
    code, output = run("erase", "--reapply", "--user", "ann")
    assert code == 2
    assert "name nobody" in output


def test_a_user_is_never_erased_by_the_key_of_another_installation(tmp_path: Path) -> None:
    """With a key that was made for the occasion, the erasure would find nobody and say that all is well."""
    for keys in ({}, {"FOOTFALL_HASH_KEY": "0" * 64}):
        (tmp_path / "secrets.json").write_text(json.dumps(keys))
        ran = footfall(
            "erase", "--user", "ann", environ=NO_KAFKA | NO_POSTGRES | {"FOOTFALL_DATA_DIR": str(tmp_path)}
        )
        assert ran.returncode == 2
        assert ran.stderr == "Set FOOTFALL_HASH_KEY to the key of the collector that this Kafka belongs to.\n"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "secrets.json"]


@pytest.mark.parametrize("arguments", [("--version",), ("-h",), ("tail", "-h"), ("types", "list", "-h")])
def test_version_and_help_answer(arguments: tuple[str, ...]) -> None:
    ran = footfall(*arguments)
    assert ran.returncode == 0
    assert "footfall" in ran.stdout


def test_the_shell_completes_commands_and_their_options() -> None:
    def completed(line: str) -> list[str]:
        words = {"_FOOTFALL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        return footfall(environ=words).stdout.split()

    assert completed("footfall t") == ["types", "tail", "topics"]
    assert "--watch" in completed("footfall lag --")


KAFKA_IS_AWAY = (
    "Kafka does not answer: Unable to bootstrap from [127.0.0.1:1]. Check FOOTFALL_KAFKA_BOOTSTRAP, and whether the "
    "brokers expect TLS (FOOTFALL_KAFKA_SECURITY_PROTOCOL).\n"
)


@pytest.mark.parametrize(
    "arguments",
    [
        ("tail",),
        ("lag",),
        ("topics",),
        ("skip", "events"),
        ("dead-letters", "list"),
        ("replay", "--from-time", "60"),
    ],
    ids=" ".join,
)
def test_a_kafka_that_is_away_is_a_sentence(arguments: tuple[str, ...]) -> None:
    ran = footfall(*arguments, environ=NO_KAFKA | NO_POSTGRES)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", KAFKA_IS_AWAY)


def test_a_collector_that_is_away_is_a_sentence() -> None:
    ran = footfall("send", json.dumps(CLICK), environ={"FOOTFALL_URL": "http://127.0.0.1:1"})
    assert ran.returncode == 1
    assert ran.stderr.startswith("http://127.0.0.1:1/api/analytics/collect does not answer")
    assert ran.stderr.count("\n") == 1


def test_doctor_checks_what_has_an_address_and_names_what_has_none() -> None:
    ran = footfall("doctor", "--json", environ=NO_POSTGRES)
    found = {each["part"]: each for each in json_lines(ran.stdout)}
    assert ran.returncode == 1
    assert "refused" in found["postgres"]["message"]
    unset = [each["message"] for each in json_lines(ran.stdout) if "is not set" in each["message"]]
    assert unset == ["FOOTFALL_KAFKA_BOOTSTRAP is not set", "FOOTFALL_URL is not set"]
    nothing = footfall("doctor")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert "Start footfall with `footfall up`" in nothing.stderr


def test_a_fault_of_footfall_is_a_sentence_and_a_traceback_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    error = KeyError("offset")
    assert failures.report(error, {}) == failures.UNEXPECTED
    assert capsys.readouterr().err.startswith("That should not have happened")
    assert failures.report(error, {"FOOTFALL_DEBUG": "1"}) == failures.UNEXPECTED
    assert "KeyError: 'offset'\n" in capsys.readouterr().err


def test_progress_is_a_line_that_changes_on_a_terminal_and_lines_elsewhere() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    for stream, expected in ((Terminal(), "\rtwenty\rtwo   \r   \r"), (StringIO(), "twenty\ntwo\n")):
        progress = Progress(stream)
        for text in ("twenty", "two"):
            progress.show(text)
        progress.end()
        assert stream.getvalue() == expected


def test_a_postgres_that_is_away_is_a_sentence_and_a_wrong_schema_another() -> None:
    for more, code, sentence in (
        ({}, 1, "Postgres: connection failed"),
        ({"FOOTFALL_POSTGRES_DSN": "secret@host"}, 2, "FOOTFALL_POSTGRES_DSN is not a DSN"),
        (
            {"FOOTFALL_POSTGRES_SCHEMA": "pg_own"},
            2,
            "FOOTFALL_POSTGRES_SCHEMA must be a name of lower-case letters",
        ),
    ):
        ran = footfall("audit", environ=NO_POSTGRES | more)
        assert ran.returncode == code
        assert sentence in ran.stderr
        assert "Traceback" not in ran.stderr
        assert "secret" not in ran.stderr
