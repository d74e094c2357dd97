"""service_kit/known_settings.py: the variables that exist, so that services can warn of misspelt ones."""

from footfall.generate.services import known_variables


def module() -> str:
    """The text of the module."""
    names = "".join(f'        "{name}",\n' for name in sorted(known_variables()))
    return (
        '"""Every FOOTFALL_ variable that something reads: generated from the settings by `make generate`."""\n\n'
        f"KNOWN = frozenset(\n    {{\n{names}    }}\n)\n"
    )
