"""Errors in the registry's own words: HTTP status, code, message."""


class RegistryError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: int, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)


def read_only() -> RegistryError:
    """Nothing is changed here."""
    message = (
        "This registry is read-only: its schemas are in git. Add yours to avro_schemas/schemas, "
        "run `footfall types lock`, which writes the lock file, and `footfall types check`."
    )
    return RegistryError(422, 42205, message)


def subject_not_found(subject: str) -> RegistryError:
    """No schema stands under this name."""
    return RegistryError(404, 40401, f"Subject '{subject}' not found.")


def version_not_found(version: object) -> RegistryError:
    """The subject has no such version."""
    return RegistryError(404, 40402, f"Version {version} not found.")


def schema_not_found() -> RegistryError:
    """No schema of ours is the one that was asked for."""
    return RegistryError(404, 40403, "Schema not found")
