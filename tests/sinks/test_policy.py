"""What each error of Postgres means for a batch: the whole list, so that a new rule cannot catch more than it should."""

import psycopg
import pytest
from psycopg import errors

from sinks.postgres.sqlstates import decide, decision_of

# Every SQLSTATE that is not a halt, or the class of it.
EXPECTED = {
    "wait": ["08", "53", "40001", "40P01", "55P03", "25006", "25P03", "57P01", "57P02", "57P03", "57P05"],
    "shrink": ["57014", "25P04"],
    "merge": ["23505"],
    "create": ["23514"],
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


def test_every_state_that_postgres_knows_has_the_decision_of_the_table() -> None:
    assert len(KNOWN) > 200
    found = {state: decide(state) for state in KNOWN}
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
def test_what_no_batch_can_mend_is_a_persons_to_decide(state: str) -> None:
    assert decide(state) == "halt"


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        pytest.param(psycopg.OperationalError("server closed the connection"), "wait", id="connection broke"),
        pytest.param(psycopg.InterfaceError("the connection is closed"), "wait", id="connection closed"),
        pytest.param(psycopg.ProgrammingError("cannot adapt type"), "halt", id="our mistake"),
        pytest.param(errors.DiskFull("could not extend file"), "wait", id="disk full"),
        pytest.param(errors.QueryCanceled("statement timeout"), "shrink", id="too slow"),
    ],
)
def test_an_error_without_a_state_is_of_the_connection_or_ours(error: psycopg.Error, decision: str) -> None:
    assert decision_of(error) == decision
