"""How far a long command is: on a terminal one line that changes, elsewhere a line now and then."""

from typing import TextIO


class Progress:
    """Shows one line of text at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_terminal = stream, stream.isatty()
        self._width = 0

    @property
    def every_seconds(self) -> float:
        """How often to show it."""
        return 1.0 if self._is_terminal else 10.0

    def show(self, text: str) -> None:
        """Show this text now."""
        if self._is_terminal:
            self._stream.write(f"\r{text.ljust(self._width)}")
            self._width = len(text)
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave an empty line for what comes next."""
        if self._width:
            self._stream.write(f"\r{' ' * self._width}\r")
            self._stream.flush()
