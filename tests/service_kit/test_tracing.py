"""When there are traces, and the parent span in the headers of a record."""

import pytest

from service_kit.tracing import is_wanted, sampled_parent, to_traceparent, tracer

ADDRESS = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"}
SAMPLED = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(("environ", "wanted"), [
    ({}, False),
    (ADDRESS, True),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:1"}, True),
    (ADDRESS | {"OTEL_SDK_DISABLED": "true"}, False),
    (ADDRESS | {"OTEL_TRACES_EXPORTER": "none"}, False),
])  # fmt: skip
def test_an_endpoint_enables_traces(environ: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environ) is wanted
    if not wanted:
        assert tracer("footfall", environ) is None


def test_a_sampled_parent_is_read_and_written_again() -> None:
    context = sampled_parent([("ce_id", b"1"), ("traceparent", SAMPLED)])
    assert context is not None
    assert to_traceparent(context) == SAMPLED


@pytest.mark.parametrize(
    "value", [SAMPLED[:-1] + b"0", b"", b"00-zz-yy-01", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]
)
def test_a_header_that_is_not_sampled_or_not_valid_is_not_a_parent(value: bytes) -> None:
    assert sampled_parent([("traceparent", value)]) is None
    assert sampled_parent([]) is None
