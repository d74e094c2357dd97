"""A transport that sends the head of a response together with its body.

ASGI has two messages for them, and the server makes a system call of each. On a loopback or a fast network a call
takes longer than all that the server does with a short response.
"""

import asyncio
from typing import Any

# What the head of every response begins with.
_HEAD = b"HTTP/1."


class JoinedWrites:
    """Holds back the head of a response for what follows in the same turn of the event loop; nothing else."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""
        # These are called for every request.
        self.is_closing, self.get_extra_info = transport.is_closing, transport.get_extra_info
        self.resume_reading, self.pause_reading = transport.resume_reading, transport.pause_reading

    def write(self, data: bytes) -> None:
        """Write at once, together with a head that was held back, or hold back a head."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Close when everything is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._head = b""
        self._transport.abort()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
