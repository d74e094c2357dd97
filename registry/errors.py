"""Errors as Confluent's registry answers them: HTTP status, error code, message."""


class RegistryError(Exception):
    """An error for the client; `code` is Confluent's error code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)


def read_only() -> RegistryError:
    """For every attempt to change something."""
    message = (
        "This registry is read-only: its schemas are in git. Add yours to avro_schemas/schemas, "
        "then run `footfall types check`, and `footfall types lock` for its line in the lock file."
    )
    return RegistryError(422, 42205, message)


def subject_not_found(subject: str) -> RegistryError:
    """There is no such subject."""
    return RegistryError(404, 40401, f"Subject '{subject}' not found.")


def version_not_found(version: object) -> RegistryError:
    """The subject has no such version."""
    return RegistryError(404, 40402, f"Version {version} not found.")


def schema_not_found() -> RegistryError:
    """There is no such schema."""
    return RegistryError(404, 40403, "Schema not found")
