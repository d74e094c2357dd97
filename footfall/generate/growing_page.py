"""docs/growing.md: from one machine to a cluster, with the numbers of `footfall/generate/sizing.py`."""

from collections.abc import Callable

from footfall.generate.sizing import BUSY, KAFKA_DAYS, REPLICAS, Figures, Size, size
from footfall.generate.tables import table
from service_kit.retention import RetentionSettings

RATES = (1_000, 100_000, 1_000_000)
EVENTS_A_REQUEST = 5

_HEAD = """\
# Growing

Made from `footfall/generate/sizing.py` by `make generate`. The first part was run; the table is arithmetic from measured figures of single processes,
and the last part says what it does not know.

## By settings alone

`footfall up` runs every service once. Everything that makes it a cluster is a setting or a number of replicas; no code knows how many
there are.

| from | to | by |
|---|---|---|
| one process for HTTP | collector, dashboard and registry apart | `python -m producer_api`, `dashboard`, `registry`; the Ingress routes the paths |
| one collector | many | replicas; limits hold over all of them through `user-rates` |
| one stream worker | many | replicas, at most one a partition; `FOOTFALL_GROUP_INSTANCE_ID` a name each |
| one sink | many | replicas, at most one a partition; `FOOTFALL_GROUP_INSTANCE_ID` a name each |
| one broker | a cluster | `FOOTFALL_KAFKA_BOOTSTRAP`; `footfall topics --replication 3` makes the topics |
| the wheel's Postgres | your own | `FOOTFALL_POSTGRES_DSN` |

`tests/integration/test_growing.py` runs two collectors, two stream workers and two sinks on one Kafka and one Postgres, kills one of each, sends more
events, and wants every event counted once and landed once, and a user's limit held over both collectors.

## What one process does

"""

_TAIL = """
Collectors are counted for requests of {events} events, as the SDK sends them; with single events it takes about four times as many. A core is
planned to be {busy:.0%} busy. Kafka keeps {days} days on {replicas} replicas, without compression. Postgres keeps {unpacked} days of rows and packs the
{packed} before.

## What breaks first, and what to do

**1,000 events/s.** Nothing: two processes of each are for the loss of one, not for the load. First to be full is Kafka's disk. Set
`compression.type=zstd` on `events`: the brokers then compress what collectors send.

**100,000 events/s.**

- *The rows.* One Postgres can write them (rows come by binary COPY, in the order of their ids), but not keep them for {retention} days on one
  machine's disk. Lower `FOOTFALL_PACK_AFTER_DAYS` and `FOOTFALL_RETENTION_DAYS`; the roll-ups stay. Or let a subscriber of `events` write
  the raw events to a store of columns, and keep the days here that you query.
- *Repeats.* A partition remembers 131,072 ids. For all ten minutes it takes the partitions of the row "for the whole id horizon"; with
  fewer, a client's repeat is known for a shorter time (`FootfallStreamDedupWindowShort`), and counts twice in the live numbers only.
- *Partitions are few.* Adding some later moves users ([operating.md](operating.md#adding-partitions)): begin with as many as the next level needs.
- *Rebalances.* Every one stops all members of a group for a moment, as this Kafka client knows eager assignment only. Names that stay
  (`FOOTFALL_GROUP_INSTANCE_ID`) let restarts pass without one. Scale sinks seldom, the stream app by hand.

**1,000,000 events/s.** This was not run, and is not promised.

- *One Postgres ends.* A write-ahead log of hundreds of MB/s is beyond one server. Split by installation: several topic prefixes with a
  database each, by site or tenant, side by side. Each is an installation of the size before.
- *The dashboard* follows `live-aggregates` whole: partitions x names x windows. With a thousand partitions split it likewise.
- *`user-rates`* is read by every collector. At this size let the Ingress limit addresses, and set `FOOTFALL_CLUSTER_LIMITS=false`.
- *Fewer events.* Ask whether each scroll is needed: an event that is not sent is cheaper than any of this.

## What drives the cost

Kafka's disks first ({kafka_share} of all bytes kept at 1,000 events/s), then Postgres', then collectors' cores. Batches are the lever for
the collectors: hundred events in a request take a twelfth of the CPU of a hundred requests. Retention is the lever for the disks.

## What the arithmetic does not know

Your network and your disks: that a broker takes {broker:.0f} MB/s in the long run and Postgres' own CPU {postgres:g} µs a row are estimates, not
measured here. Peaks: plan for the rate of your busiest minute. Figures come from a shared machine with two noisy cores; a core of yours
probably does more. Repeat them with `make bench` ([performance.md](performance.md)).
"""


def page() -> str:
    """The whole page."""
    figures, retention, sizes = Figures(), RetentionSettings(), [size(rate, EVENTS_A_REQUEST) for rate in RATES]
    first = sizes[0]
    tail = _TAIL.format(
        events=EVENTS_A_REQUEST,
        busy=BUSY,
        days=KAFKA_DAYS,
        replicas=REPLICAS,
        retention=retention.retention_days,
        unpacked=retention.pack_after_days,
        packed=retention.retention_days - retention.pack_after_days,
        kafka_share=f"{first.kafka_bytes / (first.kafka_bytes + first.postgres_bytes):.0%}",
        broker=figures.broker_bytes / 1e6,
        postgres=figures.postgres_us,
    )
    lines = [*table(("one process", "CPU µs an event", "events/s on a core"), _of_one(figures)), ""]
    lines += ["## What a rate takes", ""]
    lines += table(("", *(f"{rate:,}/s" for rate in RATES)), _rows(sizes))
    return _HEAD + "\n".join(lines) + "\n" + tail


def _of_one(figures: Figures) -> list[list[str]]:
    costs = {
        "collector, single events": figures.request_us + figures.event_us,
        f"collector, {EVENTS_A_REQUEST} events a request": figures.request_us / EVENTS_A_REQUEST
        + figures.event_us,
        "collector, 100 events a request": figures.request_us / 100 + figures.event_us,
        "stream worker": figures.stream_us,
        "sink": figures.sink_us,
    }
    return [[name, f"{cost:.0f}", f"{round(1e6 / cost, -2):,.0f}"] for name, cost in costs.items()]


def _rows(sizes: list[Size]) -> list[list[str]]:
    rows: dict[str, Callable[[Size], str]] = {
        "collectors": lambda each: f"{each.collectors:,}",
        "stream workers": lambda each: f"{each.workers:,}",
        "sinks": lambda each: f"{each.sinks:,}",
        "partitions, for the processes": lambda each: f"{each.partitions:,}",
        "partitions, for the whole id horizon": lambda each: f"{each.horizon_partitions:,}",
        "brokers": lambda each: f"{each.brokers:,}",
        "Kafka's disks, all replicas": lambda each: _bytes(each.kafka_bytes),
        "Postgres' disk": lambda each: _bytes(each.postgres_bytes),
        "Postgres' cores, for landing": lambda each: f"{each.postgres_cores:.1f}",
        "write-ahead log": lambda each: f"{_bytes(each.wal_bytes_a_second)}/s",
    }
    return [[name, *(shown(each) for each in sizes)] for name, shown in rows.items()]


def _bytes(count: float) -> str:
    for unit, what in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {what}" if count < 10 * unit else f"{count / unit:,.0f} {what}"
    return f"{count / 1e3:.0f} kB"
