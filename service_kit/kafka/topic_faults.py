"""Whether topics are as they must be. Pure; each fault is a sentence.

What a cluster does not report, as Redpanda some settings, or does not let us ask, is not judged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from service_kit.kafka.topic_description import ExistingTopic

MAX_MESSAGE_BYTES = "max.message.bytes"
MIN_INSYNC_REPLICAS = "min.insync.replicas"
# Of a record batch with one record, in front of the record and its parts.
BATCH_OVERHEAD_BYTES = 100

_HIDDEN = "this user may not see {}: grant it what `footfall acls` prints (docs/access.md)"

Kind = Literal["missing", "hidden", "partitions", "replicas", "config", "size"]


class TopicNeeds(Protocol):
    """What a description says of a topic that can be judged."""

    @property
    def name(self) -> str: ...
    @property
    def partitions(self) -> int: ...
    @property
    def config(self) -> Mapping[str, str]: ...
    @property
    def required(self) -> Mapping[str, str]: ...
    @property
    def max_record_bytes(self) -> int | None: ...
    @property
    def co_partitioned(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class TopicFault:
    """How a topic differs from what it should be. `vital`: services must not work with it as it is.

    `mend` is the configuration that mends it, `partitions` the number that it should have.
    """

    topic: str
    kind: Kind
    sentence: str
    vital: bool
    mend: tuple[tuple[str, str], ...] = ()
    partitions: int | None = None


def judge(
    needs: Mapping[str, TopicNeeds], existing: Mapping[str, ExistingTopic], reference: str = ""
) -> list[TopicFault]:
    """Every fault of the topics in `needs`. `reference`: the topic that others are co-partitioned with."""
    as_reference = existing[reference].partitions or None if reference in existing else None
    faults: list[TopicFault] = []
    for name, need in needs.items():
        found = existing.get(name)
        if found and not found.is_visible:
            faults.append(TopicFault(name, "hidden", _HIDDEN.format(name), vital=True))
        elif found:
            faults += _partitions(need, found, reference, as_reference)
            faults += _replicas(need, found)
            faults += _config(need, found)
            faults += _size(need, found)
        else:
            faults.append(TopicFault(name, "missing", f"{name} is missing", vital=True))
    return faults


def unchecked(needs: Mapping[str, TopicNeeds], existing: Mapping[str, ExistingTopic]) -> dict[str, str]:
    """Why topics, or settings of theirs, cannot be checked: a sentence each, by topic."""
    sentences = {}
    for name, need in needs.items():
        found = existing.get(name)
        if found is None or not found.is_visible:
            continue
        if found.config is None:
            sentences[name] = (
                f"the configuration of {name} cannot be checked: this user lacks DescribeConfigs on it"
                " (`footfall acls` prints the rules)"
            )
        elif missing := sorted(need.config.keys() - found.config.keys()):
            sentences[name] = f"the cluster does not report {', '.join(missing)} of {name}"
    return sentences


def _partitions(
    need: TopicNeeds, found: ExistingTopic, reference: str, as_reference: int | None
) -> Iterator[TopicFault]:
    if need.co_partitioned and as_reference is not None:
        if found.partitions != as_reference:
            sentence = f"{need.name} has {found.partitions} partitions, but {reference} has {as_reference}"
            yield TopicFault(need.name, "partitions", sentence, vital=True, partitions=as_reference)
    elif found.partitions < need.partitions:
        # More partitions than described are fine.
        sentence = f"{found.partitions} partitions instead of {need.partitions}"
        yield TopicFault(need.name, "partitions", sentence, vital=False, partitions=need.partitions)


def _replicas(need: TopicNeeds, found: ExistingTopic) -> Iterator[TopicFault]:
    min_insync = (found.config or {}).get(MIN_INSYNC_REPLICAS, "")
    if min_insync.isdigit() and int(min_insync) > found.replication_factor:
        sentence = (
            f"{need.name} can take nothing: {MIN_INSYNC_REPLICAS} is {min_insync}, and its replication factor"
            f" {found.replication_factor}; lower the one or raise the other"
        )
        yield TopicFault(need.name, "replicas", sentence, vital=True)


def _config(need: TopicNeeds, found: ExistingTopic) -> Iterator[TopicFault]:
    for key, value in need.config.items():
        actual = (found.config or {}).get(key)
        if actual is None or set(actual.split(",")) == set(value.split(",")):
            continue
        if reason := need.required.get(key):
            sentence = f"{key} of {need.name} is {actual} instead of {value}: {reason}"
            yield TopicFault(need.name, "config", sentence, vital=True, mend=((key, value),))
        else:
            # The operator may have chosen it: shorter retention, other segments.
            sentence = f"{key}: {actual} instead of {value}"
            yield TopicFault(need.name, "config", sentence, vital=False, mend=((key, value),))


def _size(need: TopicNeeds, found: ExistingTopic) -> Iterator[TopicFault]:
    limit = (found.config or {}).get(MAX_MESSAGE_BYTES, "")
    if need.max_record_bytes is None or not limit.isdigit():
        return
    needed = need.max_record_bytes + BATCH_OVERHEAD_BYTES
    if int(limit) < needed:
        sentence = f"{MAX_MESSAGE_BYTES} of {need.name} is {limit}, and a record may need {needed}"
        yield TopicFault(need.name, "size", sentence, vital=True, mend=((MAX_MESSAGE_BYTES, str(needed)),))
