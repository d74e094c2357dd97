"""Summaries: what the questions without filters count, counted before, from one column file each.

A summary has the rows of a column file, grouped by hour and by day for each kind of question (`part`), with the
number of events in each group; steps of charts by quarters of an hour, as some zones are. It tells of which file
it is, and is exact if the file is. Hours that are only partly in a period are read from the file. No I/O.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from dashboard.columns.layout import ENTRY, Layout
from dashboard.columns.plan import DAY, HOUR, ColumnFile, Source, partly, spans_of
from dashboard.columns.select import quoted, select_from

QUARTER = HOUR // 4
# Days whose summaries are put together: to open a file costs as much as to count ten thousand rows of it.
_DAYS_TOGETHER = 16
_MAX_BYTES_TOGETHER = 64 << 20
# Small, as parts and names follow each other, and a question wants few of them.
ROW_GROUP = 8_192


@dataclass(frozen=True, slots=True)
class Part:
    """The rows that a kind of question counts, and by what they are grouped in summaries."""

    # Over `raw`, the rows of column files.
    rows: str
    columns: tuple[str, ...]
    # Columns of which a group has the first value, and the last one.
    first_of: tuple[str, ...] = ("ms",)
    last_of: tuple[str, ...] = ()


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "steps": Part("select *, 1 as events from raw", ("event_type", "is_person")),
        "features": Part(
            f"select *, unnest(str_split(properties, {ENTRY})) as entry, 1 as events from raw"
            " where properties is not null",
            ("event_type", "entry", "is_person"),
        ),
        "forms": Part("select *, 1 as events from raw where form is not null", ("form", "succeeded", "is_person")),
        "errors": Part(
            "select *, occurred as last_occurred, 1 as events from raw where error is not null",
            ("error", "page", "is_person"),
            ("ms", "occurred"),
            ("last_occurred",),
        ),
        "web_vitals": Part(
            "select *, 1 as events from raw where metric is not null", ("metric", "value", "is_person")
        ),
    }
)
# By what people are counted: columns of the parts.
PEOPLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"features": ("event_type", "entry"), "errors": ("error",)}
)
# A list of places: four bytes each. DuckDB's lists take nearly twice as long.
_PACKED = "unhex(string_agg(lpad(to_hex(place), 8, '0'), '' order by place))"
PLACE = ">u4"
# Names of rankings are counted in another way: in one pass.
_NAMES = "names"
_COLUMNS_OF_NAMES = ("number", "name", "is_person")
_ORDER = "part, number, event_type, entry, name, form, error, metric, value, ms"


@dataclass(frozen=True, slots=True)
class Summaries:
    """What a question reads of a summary: of some files, everything, or some hours."""

    path: str
    whole: tuple[str, ...]
    hours: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()
    # Whether that is all it has.
    is_all: bool = False

    @property
    def stems(self) -> Sequence[str]:
        """The files of which something is read."""
        return (*self.whole, *(stem for stem, _spans in self.hours))


@dataclass(frozen=True, slots=True)
class Split:
    """How a question without filters is answered: from summaries, and from the rows that these do not have."""

    whole: tuple[str, ...]
    hours: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = ()
    rest: tuple[Source, ...] = ()


def stem_of(path: str) -> str:
    """What a summary calls a column file."""
    return Path(path).stem


def split(
    sources: Sequence[Source],
    files: Mapping[str, ColumnFile],
    summarised: Collection[str],
    periods: Sequence[tuple[int, int]],
) -> Split:
    """What summaries answer of some sources. `files` are by path; periods do not overlap."""
    whole, hours, rest = list[str](), list[tuple[str, tuple[tuple[int, int], ...]]](), list[Source]()
    for source in sources:
        file, stem = files.get(source.path), stem_of(source.path)
        if file is None or stem not in summarised:
            rest.append(source)
            continue
        read = [
            hour
            for hour in sorted(file.hours)
            if not source.spans or any(first <= hour < end for first, end in source.spans)
        ]
        if (
            read
            and len(read) == len(file.hours)
            and any(first <= read[0] and read[-1] + HOUR <= end for first, end in periods)
        ):
            whole.append(stem)
            continue
        inside = [hour for hour in read if any(first <= hour and hour + HOUR <= end for first, end in periods)]
        cut = [
            hour
            for hour in read
            if hour not in inside and any(hour + HOUR > first and hour < end for first, end in periods)
        ]
        if inside:
            hours.append((stem, tuple(spans_of(inside))))
        if cut:
            rest.append(partly(source.path, cut))
    return Split(tuple(whole), tuple(hours), tuple(rest))


def chosen(found: Split, known: Mapping[str, Collection[str]]) -> list[Summaries]:
    """The fewest summaries that have what is wanted. `known`: of which files each is, by path."""
    wanted = {*found.whole, *(stem for stem, _spans in found.hours)}
    made = []
    for path, stems in sorted(known.items(), key=lambda item: (-len(wanted & {*item[1]}), item[0])):
        if has := wanted & {*stems}:
            wanted -= has
            hours = tuple(each for each in found.hours if each[0] in has)
            whole = tuple(stem for stem in found.whole if stem in has)
            made.append(Summaries(path, whole, hours, is_all=len(whole) == len(stems)))
    return made


def to_merge(
    files: Collection[ColumnFile], known: Mapping[str, Collection[str]], sizes: Mapping[str, int]
) -> list[Sequence[str]]:
    """Summaries of whole days that should be one, as soon as two of them are not in such a one: stems."""
    blocks: dict[int, list[str]] = {}
    for file in files:
        stem = stem_of(file.path)
        if file.end - file.first == DAY and any(stem in stems for stems in known.values()):
            blocks.setdefault(file.first // DAY // _DAYS_TOGETHER, []).append(stem)
    together = {stem for stems in known.values() if len(stems) > 1 for stem in stems}
    return [
        sorted(stems)
        for stems in blocks.values()
        if len({*stems} - together) > 1 and sum(sizes.get(stem, 0) for stem in stems) <= _MAX_BYTES_TOGETHER
    ]


def rows_of(part: str, summaries: Sequence[Summaries], columns: str) -> list[str]:
    """SQL for the rows of a part of a question, each by itself."""
    by_day, by_hour = (part, part) if part == "steps" else (f"{part} by day", f"{part} by hour")
    made = []
    if entire := [quoted(each.path) for each in summaries if each.is_all]:
        made.append(f"select {columns} from read_parquet([{', '.join(entire)}]) where part = {quoted(by_day)}")
    for each in summaries:
        source = f"select {columns} from read_parquet({quoted(each.path)}) where part = "
        if each.whole and not each.is_all:
            stems = ", ".join(map(quoted, each.whole))
            made.append(f"{source}{quoted(by_day)} and file in ({stems})")
        for stem, spans in each.hours:
            times = " or ".join(f"ms >= {first} and ms < {end}" for first, end in spans)
            made.append(f"{source}{quoted(by_hour)} and file = {quoted(stem)} and ({times})")
    return made


def merged(sources: Sequence[Summaries]) -> str:
    """SQL for one summary of several."""
    parts = [
        f"select * from read_parquet({quoted(each.path)}) where file in ({', '.join(map(quoted, each.whole))})"
        for each in sources
    ]
    return " union all by name ".join(parts)


def people_of(name: str, summaries: Sequence[Summaries], columns: str) -> list[str]:
    """SQL for the lists of people of a part of a question, each by itself. See `keys_of`."""
    return rows_of(f"people of {name}", summaries, columns)


def keys_of(path: str, files: Collection[str]) -> str:
    """SQL for the people of files: lists of the halves of their keys. Lists of people have places in these."""
    stems = ", ".join(map(quoted, files))
    return f"select file, high, low from read_parquet({quoted(path)}) where part = 'people' and file in ({stems})"


def summary_of(path: str, layout: Layout) -> str:
    """SQL for the summary of a column file."""
    counted = [f"hourly_{_NAMES} as materialized ({_hourly_names(layout)})"]
    counted += [f"hourly_{name} as materialized ({_grouped(part, name)})" for name, part in PARTS.items()]
    levels = ["select 'steps' as part, * from hourly_steps"]
    for name in [_NAMES, *PARTS]:
        if name != "steps":
            columns = ", ".join(PARTS[name].columns if name in PARTS else _COLUMNS_OF_NAMES)
            first_of, last_of = (PARTS[name].first_of, PARTS[name].last_of) if name in PARTS else (("ms",), ())
            levels += [
                f"select '{name} by hour' as part, * from hourly_{name}",
                f"select '{name} by day' as part, {columns}, {_bounds(first_of, last_of)},"
                f" sum(events)::bigint as events from hourly_{name} group by {columns}",
            ]
    for name, keys in PEOPLE.items():
        counted.append(f"pairs_of_{name} as materialized ({_pairs(name, keys)})")
    counted.append(
        f"people as materialized (select person, row_number() over (order by person) - 1 as place from ("
        f"{' union '.join(f'select person from pairs_of_{name}' for name in PEOPLE)}))"
    )
    levels.append(
        f"select 'people' as part, list({half_of('person', is_high=True)} order by place) as high,"
        f" list({half_of('person', is_high=False)} order by place) as low from people having count(*) > 0"
    )
    for name, keys in PEOPLE.items():
        by = ", ".join(keys)
        of_day = f"select {by}, person, min(ms) as ms from pairs_of_{name} group by {by}, person"
        for level, pairs, more in (("day", of_day, ""), ("hour", f"from pairs_of_{name}", f", ms // {HOUR}")):
            levels.append(
                f"select 'people of {name} by {level}' as part, {by}, true as is_person, min(ms) as ms,"
                f" {_PACKED} as people from ({pairs}) join people using (person) group by {by}{more}"
            )
    return (
        f"with raw as ({select_from([(path, ())])}), {', '.join(counted)}"
        f" select *, {quoted(stem_of(path))} as file from ({' union all by name '.join(levels)}) order by {_ORDER}"
    )


def numbers(columns: Sequence[str], by_column: Mapping[str, int], others: int) -> str:
    """SQL for the number of the ranking that a line of grouping sets counts by."""
    # Of `grouping`: a bit for each column, the first bit for the first; 0 for those by which a line counts.
    every = (1 << len(columns)) - 1
    cases = " ".join(
        f"when {every - (1 << place)} then {by_column[column]}"
        for place, column in enumerate(reversed(columns))
        if column in by_column
    )
    return f"(case grouping({', '.join(columns)}) {cases} else {others} end)" if cases else str(others)


def half_of(person: str, *, is_high: bool) -> str:
    """SQL for a half of a key."""
    return f"({person}::uhugeint >> 64)::ubigint" if is_high else f"({person}::uhugeint & {2**64 - 1})::ubigint"


def _pairs(name: str, keys: Sequence[str]) -> str:
    return (
        f"select {', '.join(keys)}, person, min(ms) as ms from ({PARTS[name].rows})"
        f" where is_person and person is not null group by {', '.join(keys)}, person, ms // {HOUR}"
    )


def _hourly_names(layout: Layout) -> str:
    columns = list(layout.rankings)
    number = numbers(columns, {column: place for place, column in enumerate(columns)}, -1)
    sets = ", ".join(f"({column}, is_person, hour)" for column in columns)
    return (
        f"select * from (select {number}::smallint as number, coalesce({', '.join(columns)}) as name, is_person,"
        f" min(ms) as ms, count(*) as events from (select *, ms // {HOUR} as hour from raw)"
        f" group by grouping sets ({sets})) where name is not null"
    )


def _grouped(part: Part, name: str) -> str:
    bucket = QUARTER if name == "steps" else HOUR
    return (
        f"select {', '.join(part.columns)}, {_bounds(part.first_of, part.last_of)}, sum(events)::bigint as events"
        f" from ({part.rows})"
        f" group by {', '.join(part.columns)}, ms // {bucket}"
    )


def _bounds(first_of: Sequence[str], last_of: Sequence[str]) -> str:
    return ", ".join(
        [*(f"min({each}) as {each}" for each in first_of), *(f"max({each}) as {each}" for each in last_of)]
    )
