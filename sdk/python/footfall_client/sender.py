"""The thread that sends: batches, waits, repeats. The only place where this package does HTTP."""

import contextlib
import json
import logging
import random
import threading
import time
from collections import deque
from datetime import UTC, datetime

from footfall_client.answers import Verdict, backoff, judge, unreachable
from footfall_client.backlog import Backlog
from footfall_client.chunks import Chunk, Store
from footfall_client.counters import Tally
from footfall_client.transport import Transport

log = logging.getLogger("footfall_client")

VERSION = "python/0.1.0"
_ADOPT_SECONDS = 15.0
_MAX_SLEEP_SECONDS = 5.0
_MAX_LOGGED = 200
# Requests that fail with their events alone, while others succeed.
_MAX_FAILURES = 3


class Sender:
    """Sends the events of a backlog in a daemon thread that starts with the first one."""

    def __init__(self, backlog: Backlog, store: Store, transport: Transport, tally: Tally, wait: float) -> None:
        self._backlog, self._store, self._transport = backlog, store, transport
        self._tally, self._wait = tally, wait
        # Guards the backlog and all below.
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._flushing = 0
        self._closed = False
        self._resume_at = self._adopt_at = 0.0
        # In a row, and in all.
        self._failures = self._successes = 0
        # Drops that the collector does not know of.
        self._unreported = 0
        self._logged = set[str]()
        # Logged by the thread, without the lock: a handler may be slow, or track an event itself.
        self._messages: deque[str] = deque()

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self._backlog.events

    def add(self, line: bytes) -> None:
        """Queue an event."""
        if self._closed:
            self.drop("the client is closed")
            return
        with self._lock:
            was_idle = self._backlog.events == 0
            if dropped := self._backlog.append(line):
                self._dropped(dropped, "too many events wait: the oldest are dropped")
            if self._backlog.disk_error:
                self.say(f"the spool cannot be written ({self._backlog.disk_error}): events are in memory only")
            self._start()
            if was_idle or self._backlog.has_full:
                self._lock.notify_all()

    def start(self) -> None:
        """Begin, as there may be events of an earlier process."""
        with self._lock:
            self._start()

    def drop(self, reason: str) -> None:
        """Count an event that cannot be sent."""
        with self._lock:
            self._dropped(1, reason)
            self._start()  # it logs

    def flush(self, timeout: float) -> bool:
        """Send what waits now; whether all of it is done within `timeout` seconds."""
        with self._lock:
            self._flushing += 1
            if self._failures:
                self._resume_at = min(self._resume_at, time.monotonic())
            self._lock.notify_all()
            try:
                return self._lock.wait_for(lambda: self._backlog.events == 0, timeout)
            finally:
                self._flushing -= 1

    def close(self, timeout: float) -> None:
        """Flush, and end. What is left on disk is for the next process; what is left in memory is dropped."""
        self.flush(timeout)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if lost := self._backlog.abandon():
                self._dropped(lost, "the process ended before they were sent", again=True)
            self._lock.notify_all()
        self._log_messages()

    def forget(self) -> None:
        """Leave everything to the parent process, which still has it."""
        self._backlog.forget()
        self._transport.close()  # this process's copy of the connection

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="footfall", daemon=True)
            with contextlib.suppress(RuntimeError):  # no more threads: the next event tries again
                self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._log_messages()
                self._adopt()
                chunk = self._next()
                if chunk is not None:
                    self._send(chunk)
                elif self._closed:
                    self._transport.close()
                    return
            except Exception:  # a bug of ours is not to end the thread, nor to make it spin
                log.exception("sending events failed")
                time.sleep(1)

    def _adopt(self) -> None:
        now = time.monotonic()
        if now < self._adopt_at or self._closed:
            return
        self._adopt_at = now + _ADOPT_SECONDS
        try:
            for chunk in self._store.adopt(self._backlog.room):  # reads files, so without the lock
                with self._lock:
                    self._backlog.add(chunk)
                self._tally.add(adopted=chunk.events)
        except OSError as error:
            self.say(f"the spool cannot be read ({error})")

    def _next(self) -> Chunk | None:
        with self._lock:
            now = time.monotonic()
            wait = 0.0 if self._flushing else self._wait
            if not self._closed and now >= self._resume_at and (chunk := self._backlog.take(now, wait)):
                return chunk
            if not self._closed:
                due = self._backlog.next_at(wait)
                until = self._adopt_at if due is None else min(self._adopt_at, max(due, self._resume_at))
                self._lock.wait(max(0.001, min(until - now, _MAX_SLEEP_SECONDS)))
            return None

    def _send(self, chunk: Chunk) -> None:
        verdict, lines = Verdict(failed=True, problem="a bug of footfall-client"), list[bytes]()
        unreported, is_gone = self._unreported, False
        try:
            lines = chunk.lines()
            verdict = self._post(lines, unreported) if lines else Verdict(wait=0.0)
        except FileNotFoundError:
            # Another process took this one for dead, and sends them.
            self._tally.add(adopted=-chunk.events)
            verdict, is_gone = Verdict(wait=0.0), True
        except OSError as error:
            verdict = Verdict(failed=True, problem=f"the spool cannot be read ({error})")
        finally:
            with self._lock:
                if not (verdict.failed or is_gone or self._closed) and len(lines) < chunk.events:
                    self._dropped(chunk.events - len(lines), "the disk has damaged them")
                self._apply(verdict, chunk, lines, unreported)
                self._lock.notify_all()

    def _post(self, lines: list[bytes], unreported: int) -> Verdict:
        event_types = [str(json.loads(line)["event_type"]) for line in lines]
        sent_at = datetime.now(UTC).isoformat()
        head = json.dumps({"sent_at": sent_at, "sdk": VERSION, "dropped": min(unreported, 1_000_000)})
        body = b'%b, "events": [%b]}' % (head[:-1].encode(), b",".join(lines))
        try:
            answer = self._transport.post(body)
        except OSError as error:
            return unreachable(f"no answer: {error}")
        return judge(answer.status, answer.headers, answer.body, event_types)

    def _apply(self, verdict: Verdict, chunk: Chunk, lines: list[bytes], unreported: int) -> None:
        if self._closed:
            return  # given up, or left on disk
        now = time.monotonic()
        if verdict.failed:
            self._apply_failure(verdict, chunk, lines, now)
            return
        self._failures, self._successes = 0, self._successes + 1
        if verdict.accepted or verdict.duplicates:
            self._unreported -= unreported
        for rejection in verdict.rejections:
            self.say(
                f"the collector rejected {rejection.event_type!r}: {rejection.code} at"
                f" {rejection.pointer or 'the event'} (expected: {rejection.expected})"
            )
        by_wait: dict[float, list[bytes]] = {}
        for index, wait in verdict.again.items():
            by_wait.setdefault(now + wait, []).append(lines[index])
        self._tally.add(
            accepted=verdict.accepted,
            duplicates=verdict.duplicates,
            rejected=verdict.rejected,
            retries=bool(verdict.again),
        )
        self._backlog.replace(chunk, [(again, ready_at) for ready_at, again in by_wait.items()])

    def _apply_failure(self, verdict: Verdict, chunk: Chunk, lines: list[bytes], now: float) -> None:
        self._failures += 1
        self._tally.add(retries=not verdict.give_up)
        self.say(f"{verdict.problem}; {'dropped' if verdict.give_up else 'tried again'}")
        wait = backoff(self._failures, random.random()) if verdict.wait is None else verdict.wait
        self._resume_at = now + wait
        if verdict.unexplained and self._successes > chunk.successes:
            # Others succeeded since it failed last, or since it came.
            chunk.failures, chunk.successes = chunk.failures + 1, self._successes
        if verdict.give_up or (verdict.halve and len(lines) == 1) or chunk.failures > _MAX_FAILURES:
            self._give_up(verdict, chunk, lines)
        elif verdict.halve:
            self._halve(chunk, lines)
        elif verdict.unexplained and self._failures > 1:
            self._backlog.put_back(chunk, now + 2 * wait)  # behind others: it may be the cause
        else:
            self._backlog.put_back(chunk)

    def _give_up(self, verdict: Verdict, chunk: Chunk, lines: list[bytes]) -> None:
        if len(lines) > 1 and not verdict.give_up:
            chunk.failures = 0
            self._halve(chunk, lines)
            return
        self._dropped(len(lines), verdict.problem, again=True)
        self._backlog.done(chunk)

    def _halve(self, chunk: Chunk, lines: list[bytes]) -> None:
        middle = len(lines) // 2
        self._backlog.replace(chunk, [(lines[middle:], 0.0), (lines[:middle], 0.0)])

    def _dropped(self, count: int, reason: str, *, again: bool = False) -> None:
        self._unreported += count
        self._tally.add(dropped=count)
        self.say(f"{count} events dropped: {reason}" if again else f"events dropped: {reason}")

    def say(self, message: str) -> None:
        """Log a message, once. No more than a few hundred: callers who do something wrong do not fill the log."""
        if message not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add(message)
            self._messages.append(message)

    def _log_messages(self) -> None:
        while self._messages:
            log.warning(self._messages.popleft())
