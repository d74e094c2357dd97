"""service_kit/known_settings.txt: the settings that exist, so that services can warn of unknown ones."""

from footfall.generate.services import known_variables


def text() -> str:
    """The text of the file."""
    return "".join(f"{name}\n" for name in sorted(known_variables()))
