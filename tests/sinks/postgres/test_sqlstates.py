"""What each error of Postgres means for a batch. All SQLSTATEs, so that a new rule cannot match too many."""

import psycopg
import pytest
from psycopg import errors

from sinks.postgres.sqlstates import decision_for, decision_of

# Every SQLSTATE, or class of them, that does not halt landing.
EXPECTED = {
    "retry": ["08", "53", "40001", "40P01", "55P03", "25006", "25P03", "57P01", "57P02", "57P03", "57P05"],
    "shrink": ["57014", "25P04"],
    "merge": ["23505"],
    "create_partition": ["23514"],
    "isolate": ["22", "54", "23502"],
}
KNOWN = sorted(
    {
        each.sqlstate
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, psycopg.Error) and each.sqlstate
    }
    # Newer than this psycopg.
    | {"25P04"}
)


def test_every_sqlstate_that_postgres_knows_has_the_decision_of_the_table() -> None:
    assert len(KNOWN) > 200
    found = {state: decision_for(state) for state in KNOWN}
    expected = {
        state: next(
            (decision for decision, prefixes in EXPECTED.items() if state.startswith(tuple(prefixes))), "halt"
        )
        for state in KNOWN
    }
    assert found == expected


@pytest.mark.parametrize(
    "state", ["28P01", "28000", "3D000", "42P01", "42703", "42501", "XX001", "F0000", "99999"]
)
def test_an_operator_decides_on_what_no_batch_can_fix(state: str) -> None:
    assert decision_for(state) == "halt"


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        pytest.param(psycopg.OperationalError("server closed the connection"), "retry", id="connection broke"),
        pytest.param(psycopg.InterfaceError("the connection is closed"), "retry", id="connection closed"),
        pytest.param(psycopg.ProgrammingError("cannot adapt type"), "halt", id="our bug"),
        pytest.param(errors.DiskFull("could not extend file"), "retry", id="disk full"),
        pytest.param(errors.QueryCanceled("statement timeout"), "shrink", id="too slow"),
    ],
)
def test_an_error_without_a_sqlstate_is_of_the_connection_or_a_bug(error: psycopg.Error, decision: str) -> None:
    assert decision_of(error) == decision
