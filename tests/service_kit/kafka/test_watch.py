"""A process that hears no broker ends if a new start would: not while nobody answers, and not too soon."""

from hypothesis import given
from hypothesis import strategies as st

from service_kit.kafka.watch import EXIT_UNHEARD, MAX_UNHEARD_SECONDS, MIN_ANSWERS, Contact, once

LONG = MAX_UNHEARD_SECONDS + 1


def test_it_ends_after_the_bootstrap_servers_answered_for_a_while_and_nobody_else_did() -> None:
    contact = Contact()
    assert [contact.is_lost(LONG, lambda: True) for _check in range(MIN_ANSWERS)] == [False] * (
        MIN_ANSWERS - 1
    ) + [True]


def test_it_waits_for_a_cluster_that_answers_nobody() -> None:
    contact = Contact()
    assert not any(contact.is_lost(3600.0, lambda: False) for _check in range(1000))


def test_a_process_that_is_answered_does_not_ask() -> None:
    def ask() -> bool:
        raise AssertionError

    assert not Contact().is_lost(0.0, ask)


def test_a_service_is_stopped_once_however_many_clients_ask_for_it() -> None:
    ends = list[int]()
    end = once(ends.append)
    for _client in range(3):
        end(EXIT_UNHEARD)
    assert ends == [EXIT_UNHEARD]


@given(st.lists(st.tuples(st.sampled_from([0.0, LONG]), st.booleans()), max_size=30))
def test_it_ends_only_after_that_many_checks_in_a_row(checks: list[tuple[float, bool]]) -> None:
    contact, in_a_row = Contact(), 0
    for unheard, answers in checks:
        in_a_row = in_a_row + 1 if unheard and answers else 0
        assert contact.is_lost(unheard, lambda answers=answers: answers) is (in_a_row >= MIN_ANSWERS)
