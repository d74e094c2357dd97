"""Commands of `footfall types` that maintain a contract: a team's own or, in a checkout, the shipped one."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from avro_schemas.contract import EMPTY, FOLDER, Contract, UnusableContract, lines, read
from avro_schemas.contract_check import faults, own_faults, unlocked_faults
from avro_schemas.installed import SETTING, shipped
from footfall.contract import add, files

FAULTY, WRONG_USAGE, NOTHING_TO_COMPARE = 1, 2, 3

_INTO = f"Folder of your own contract; default: {SETTING}, or the contract of the checkout."
Folder = Annotated[Path | None, typer.Argument(help=_INTO, metavar="[DIR]", show_default=False)]
Into = Annotated[Path | None, typer.Option("--into", help=_INTO, metavar="DIR", show_default=False)]


@dataclass(frozen=True, slots=True)
class Target:
    """A contract to check or to extend."""

    folder: Path
    contract: Contract
    is_own: bool

    def faults(self, contract: Contract, published: Contract | None = None) -> list[str]:
        """What is wrong with it, or with what is made of it."""
        if self.is_own:
            return own_faults(contract, shipped(), published)
        return faults(contract, published)


def check_types(
    folder: Folder = None,
    against: Annotated[
        str, typer.Option(help="What subscribers rely on: a branch, a commit or a folder.")
    ] = "main",
) -> None:
    """Check that no subscriber breaks: each schema against all its versions, both ways, and what is published.

    A contract of your own is also checked against that of this footfall.

    Exit codes: 0 there are no faults, 1 there are, 2 there is no such folder, 3 there are none, but there was
    nothing to compare with.

    Example: footfall types check contract --against origin/main
    """
    target = _target(folder)
    missing = ""
    published = None
    try:
        published = files.published(target.folder, against)
    except files.NothingToCompare as error:
        missing = str(error)
    except UnusableContract as error:
        _refuse(f"{against}: {error}")
    found = target.faults(target.contract, published)
    for sentence in [*found, *unlocked_faults(target.contract)]:
        typer.echo(sentence)
    count = sum(map(len, target.contract.schemas.values()))
    compared = f"compared with {against}" if published else "compared with nothing"
    if published == EMPTY:
        compared = f"nothing is published at {against} yet"
    typer.echo(
        f"{count} schemas and {len(target.contract.custom_events)} custom events: {len(found)} faults, {compared}"
    )
    if missing:
        typer.echo(
            f"Edits of published schemas were not looked for: {missing} Name what is published with --against."
        )
    if found:
        raise typer.Exit(FAULTY)
    if missing:
        raise typer.Exit(NOTHING_TO_COMPARE)


def lock(folder: Folder = None) -> None:
    """Give every new version of a schema its id, in the lock file. Nothing is written if `check` finds faults.

    Exit codes: 0 done or nothing to do, 1 there are faults, 2 there is no such folder.

    Example: footfall types lock contract
    """
    target = _target(folder)
    _write(target, lambda contract: contract)


def new(
    name: Annotated[str, typer.Argument(help="The event type: lower case, with underscores.")],
    about: Annotated[str, typer.Option(help="A sentence: what such an event means.")],
    field: Annotated[
        list[str] | None,
        typer.Option(
            help="name:type[?][:meaning], such as seats:int?. Types: string, int, long, double, boolean."
        ),
    ] = None,
    into: Into = None,
) -> None:
    """Make a new event type: its schema, an example and its id.

    In a checkout of footfall models, types and pages follow.

    Exit codes: 0 made, 1 not made, and nothing was written, 2 there is no folder to write to.

    Example: footfall types new shop_signup --about "A user signed up." --field plan:string --into contract
    """

    def made(contract: Contract) -> Contract:
        fields = [add.parse_field(text) for text in field or []]
        return add.with_event_type(contract, name, about, fields, shipped())

    _write(_target(into, may_be_new=True), made)


def field(
    field: Annotated[str, typer.Argument(help="name:type?[:meaning], such as country:string?.")],
    to: Annotated[str | None, typer.Option("--to", help="The event type that gets the field.")] = None,
    about: Annotated[str, typer.Option(help="A sentence: what the field means.")] = "",
    all_events: Annotated[
        bool, typer.Option("--all", help="Every event gets the field; only in a checkout of footfall.")
    ] = False,
    into: Into = None,
) -> None:
    """Add an optional field to an event type, or to all: the next version of the schema, with its example and id.

    The collector writes the default of a field of all events until it is given a value (`RequestContext`).

    Exit codes: 0 added, 1 not added, and nothing was written, 2 neither or both of --to and --all are there.

    Example: footfall types field coupon:string? --to shop_signup --about "Code of the coupon." --into contract
    """
    if bool(to) == all_events:
        raise typer.BadParameter("say either --to and an event type, or --all", param_hint="--to")
    target = _target(into)
    if all_events and target.is_own:
        _refuse("The fields of all events are footfall's. Add the field to an event type of your own: --to NAME.")

    def grown(contract: Contract) -> Contract:
        made = add.parse_field(field)
        made = replace(made, doc=about or made.doc)
        return add.with_field(contract, to, made) if to else add.with_head_field(contract, made)

    _write(target, grown)


def head(folder: Folder = None) -> None:
    """Give event types of your own the head of this footfall, after an upgrade that has more fields in it.

    Exit codes: 0 done or nothing to do, 1 not done, and nothing was written, 2 there is no such folder.

    Example: footfall types head contract
    """
    target = _target(folder)
    if not target.is_own:
        _refuse("The head of footfall's own events grows by `footfall types field --all`.")
    _write(target, lambda contract: add.with_head(contract, shipped()))


def _target(chosen: Path | None, *, may_be_new: bool = False) -> Target:
    """The folder that was named, else that of the setting, else the shipped one in a checkout."""
    folder = chosen or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else FOLDER)
    is_own = folder.resolve() != FOLDER
    if is_own and FOLDER.parent in (folder.resolve(), *folder.resolve().parents) and not _is_checkout():
        _refuse(f"{folder} is where footfall is installed. {_ELSEWHERE}", WRONG_USAGE)
    if not is_own and not _is_checkout():
        _refuse(_ELSEWHERE, WRONG_USAGE)
    if not folder.is_dir():
        if may_be_new and not folder.exists():
            return Target(folder, EMPTY, is_own)
        _refuse(f"There is no folder {folder}. `footfall types new --into DIR` makes one.", WRONG_USAGE)
    try:
        return Target(folder, read(folder), is_own)
    except UnusableContract as error:
        _refuse(str(error))


_ELSEWHERE = (
    "footfall was installed as a package, which the next upgrade replaces. Name a folder of your own "
    f"(--into DIR), or set {SETTING}."
)


def _is_checkout() -> bool:
    return (FOLDER.parent / "pyproject.toml").is_file()


def _write(target: Target, change: Callable[[Contract], Contract]) -> None:
    """Write a changed contract with all ids, if it has no faults; in a checkout, also what is generated."""
    try:
        changed = add.locked(change(target.contract), is_own=target.is_own)
    except add.Unusable as error:
        _refuse(str(error))
    if found := target.faults(changed, _published(target)):
        _refuse("\n".join(found))
    try:
        written = files.write(target.folder, target.contract, changed)
    except OSError as error:
        _refuse(f"Nothing was written: {error}.")
    for path in written:
        typer.echo(str(path if target.is_own else path.relative_to(FOLDER.parent)))
    had = set(lines(target.contract.lock))
    for subject, version, schema_id in lines(changed.lock):
        if (subject, version, schema_id) not in had:
            typer.echo(f"{subject}, version {version}: id {schema_id}")
    if written and not target.is_own:
        # In another process: this one has read the contract as it was before.
        subprocess.run([sys.executable, "-m", "footfall.generate"], check=True, cwd=FOLDER.parent)


def _published(target: Target) -> Contract | None:
    """What was committed last, if anything was: no edit of it is locked."""
    try:
        return files.published(target.folder, "HEAD") if target.folder.is_dir() else None
    except (files.NothingToCompare, UnusableContract):
        return None


def _refuse(why: str, code: int = FAULTY) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
