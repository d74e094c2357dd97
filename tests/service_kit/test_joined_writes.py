"""The head of a response goes out with its body, and never waits for one that does not come."""

import asyncio

import pytest

from service_kit.joined_writes import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps what is written, and a mark where it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = list[bytes]()

    def write(self, data: bytes) -> None:  # type: ignore[override] # bytes are all that a server writes
        self.written.append(bytes(data))

    def close(self) -> None:
        self.written.append(b"closed")

    def abort(self) -> None:
        self.written.append(b"aborted")

    def get_write_buffer_size(self) -> int:
        return 7


def joined() -> tuple[JoinedWrites, Wire]:
    wire = Wire()
    return JoinedWrites(wire, asyncio.get_running_loop()), wire


@pytest.mark.parametrize("body", [b"ok", b"", b"HTTP/1.1 is a protocol"])
async def test_a_response_is_one_write(body: bytes) -> None:
    transport, wire = joined()
    for _ in range(2):
        transport.write(HEAD)
        transport.write(body)
        await asyncio.sleep(0)
    assert wire.written == [HEAD + body] * 2


async def test_the_head_of_a_stream_does_not_wait_for_its_first_piece() -> None:
    transport, wire = joined()
    transport.write(HEAD)
    await asyncio.sleep(0)
    assert wire.written == [HEAD]
    transport.write(b"a piece")
    transport.write(b"another")
    assert wire.written == [HEAD, b"a piece", b"another"]


async def test_a_head_goes_out_before_the_connection_is_closed_but_not_if_it_is_aborted() -> None:
    transport, wire = joined()
    transport.write(HEAD)
    transport.close()
    assert wire.written == [HEAD, b"closed"]
    transport.write(HEAD)
    transport.abort()
    await asyncio.sleep(0)
    assert wire.written == [HEAD, b"closed", b"aborted"]


async def test_everything_else_is_the_transports_own() -> None:
    transport, _wire = joined()
    assert transport.get_write_buffer_size() == 7
