"""The contract of this process: the shipped one and, where FOOTFALL_CONTRACT names a folder, a team's own."""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from avro_schemas.contract import CUSTOM_EVENTS, FOLDER, Contract, UnusableContract, merge, read

SETTING = "FOOTFALL_CONTRACT"
HELP = "Folder with event types of your own; they are added to those that footfall has."


@dataclass(frozen=True, slots=True)
class OwnContract:
    """A folder whose contract is usable: the type of the setting, in the settings of every service."""

    folder: Path

    @classmethod
    def from_setting(cls, text: str) -> "OwnContract":
        """Raise `UnusableContract`."""
        with_own(text)
        return cls(Path(text))


@cache
def installed() -> Contract:
    """The contract of this process.

    Modules ask for it while they are imported, before settings are read. So a folder that cannot be used is left
    out here, and refused by the settings of every service and command, in one message with all other faults.
    """
    folder = os.environ.get(SETTING)
    with suppress(UnusableContract):
        return with_own(folder) if folder else shipped()
    return shipped()


@cache
def shipped() -> Contract:
    """The contract of footfall alone."""
    return read(FOLDER)


@cache
def with_own(folder: str) -> Contract:
    """The shipped contract and the one in a folder. Raise `UnusableContract` where they clash."""
    # Here, as it brings Avro's own library, which nobody needs without a contract of their own.
    from avro_schemas.contract_check import own_faults, unlocked_faults

    own = read(Path(folder))
    if faults := own_faults(own, shipped()) + unlocked_faults(own):
        raise UnusableContract(*faults)
    # An empty folder is a volume that was not mounted rather than somebody's contract.
    if not own.schemas and not (Path(folder) / CUSTOM_EVENTS).exists():
        raise UnusableContract(f"{folder} has neither a schema (schemas/NAME.v1.avsc) nor {CUSTOM_EVENTS}.")
    return merge(shipped(), replace(own, head=[]))
