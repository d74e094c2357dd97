"""docs/settings.md: every setting of every service; and the list that tells misspelt ones from known ones."""

from footfall.generate.services import OF_COMMANDS, SETTINGS, known_variables
from footfall.generate.tables import settings_rows, table
from service_kit.environment import variables
from service_kit.kafka import KafkaSettings

_HEAD = """\
# Settings

Made from the code by `make generate`. Settings are environment variables, read once at start; every wrong or missing one is named in
one message, and the process ends with exit code 2. A variable that begins with `FOOTFALL_` and that nothing reads is warned of at the
start, with the name that was probably meant.

A secret may also come from a file: `FOOTFALL_HASH_KEY_FILE` names the file that holds `FOOTFALL_HASH_KEY`, and so on.
"""


def page() -> str:
    """The whole page."""
    of_kafka = variables(KafkaSettings).keys()
    head = ("variable", "default", "what it does")
    lines = [
        _HEAD,
        "## Kafka",
        "",
        "The same for collector, stream app, sinks, dashboard and the command line.",
        "",
    ]
    lines += table(head, settings_rows(KafkaSettings))
    for service, cls in SETTINGS.items():
        own = [row for row in settings_rows(cls) if row[0].strip("`") not in of_kafka or service == "footfall up"]
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
