"""docs/live-aggregates.md: what the stream app counts."""

from avro_schemas.live_aggregates import OTHER
from stream_app.state import dimensions
from stream_app.state.dimensions import MAX_NAMES, Dimension

_HEAD = """\
# Live aggregates

Made from `stream_app/state/dimensions.py` by `make generate`. [stream-app.md](stream-app.md) tells how they stay exact.

A record of `live-aggregates` is an absolute partial of one partition, dimension and window. **The value of a window is the sum
over partitions, each by its record with the highest `source_offset`.** Readers that keep the newest need no history and are not
confused by repeats. The key is `partition|dimension|window seconds|window start`; a record without a value means that the window
is over and let go. Windows lie on the event's own time, in UTC.

| dimension | counts | windows |
|---|---|---|
"""

_TAIL = f"""
`total` and `outcome` have no window (`window_seconds` is 0): all events since the beginning by type, the late ones included, which
equals the rows in Postgres; and all records by `counted`, `late`, `duplicate`, `rejected`.

A window keeps the first {MAX_NAMES} names of each partition (web vitals 2,000) and counts the others together as `{OTHER}`: sums are always
true. Windows up to a minute are told for two hours and then let go; hours stay for the 7 days of the topic. Windows of 10 seconds and
minutes of `events` are told with each checkpoint (0.25 s), other minutes within a second, hours within ten.

`active_users` and `active_sessions` have a HyperLogLog sketch of each minute in `sketch` ([Apache
DataSketches](https://datasketches.apache.org), 2,048 registers, about 2 % off), over the text of the key in hex. Unite minutes and
partitions: `hll_union` in Python, Java and C++. `counts.about` is that one minute of that one partition.
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(map(_row, dimensions.ALL)) + "\n" + _TAIL


def _row(dimension: Dimension) -> str:
    lengths = ", ".join(_in_words(length // 1000) for length in (dimension.grain_ms, *dimension.windows_ms))
    return f"| `{dimension.name}` | {dimension.about} | {lengths} |"


def _in_words(seconds: int) -> str:
    return {60: "1 min", 3600: "1 h"}.get(seconds, f"{seconds} s")
