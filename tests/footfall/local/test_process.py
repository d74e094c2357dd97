"""How a process exited, in words."""

from footfall.local.process import describe_exit


def test_an_exit_is_described_by_code_or_signal() -> None:
    assert (describe_exit(3), describe_exit(-9)) == ("exit code 3", "killed by SIGKILL")
