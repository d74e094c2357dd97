"""docs/settings.md: every setting of every service; and the list that tells misspelt ones from known ones."""

from collections.abc import Mapping
from typing import Any

from footfall.generate.services import OF_COMMANDS, SETTINGS, known_variables
from footfall.generate.tables import settings_rows, table
from service_kit.kafka import KafkaSettings
from service_kit.retention import RetentionSettings
from service_kit.settings import variables

_HEAD = """\
# Settings

Made from the code by `make generate`. Settings are environment variables, read once at start; every wrong or missing one is named in
one message, and the process ends with exit code 2. A variable that begins with `FOOTFALL_` and that nothing reads is warned of at the
start, with the name that was probably meant.

A secret may also come from a file: `FOOTFALL_HASH_KEY_FILE` names the file that holds `FOOTFALL_HASH_KEY`, and so on.
"""
# By the title of their section.
_SHARED: Mapping[str, tuple[type[Any], str]] = {
    "Kafka": (KafkaSettings, "The same for collector, stream app, sinks, dashboard and the command line."),
    "Retention": (
        RetentionSettings,
        "The same for sinks and `footfall maintain`, which delete events, and for dashboard and collector, whose pages "
        "say how long\nevents are kept. Set them alike everywhere; the chart has one value for all.",
    ),
}


def page() -> str:
    """The whole page."""
    shared = {name for cls, _about in _SHARED.values() for name in variables(cls)}
    head = ("variable", "default", "what it does")
    lines = [_HEAD]
    for title, (cls, about) in _SHARED.items():
        lines += [f"## {title}", "", about, "", *table(head, settings_rows(cls)), ""]
    lines.pop()
    for service, cls in SETTINGS.items():
        own = [row for row in settings_rows(cls) if row[0].strip("`") not in shared or service == "footfall up"]
        lines += ["", f"## {service if service != 'footfall up' else '`footfall up`'}", "", *table(head, own)]
    lines += ["", "## Commands", "", *table(head, [[f"`{name}`", "", what] for name, what in OF_COMMANDS.items()])]
    return "\n".join(lines) + "\n"


def known_settings() -> str:
    """The module `service_kit/known_settings.py`."""
    names = "".join(f'        "{name}",\n' for name in sorted(known_variables()))
    return (
        '"""Every FOOTFALL_ variable that something reads: made from the settings by `make generate`."""\n\n'
        f"KNOWN = frozenset(\n    {{\n{names}    }}\n)\n"
    )
