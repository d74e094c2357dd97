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


def schema_not_found(wanted: object = None) -> RegistryError:
    """There is no such schema; `wanted` is the id or guid that was asked for."""
    return RegistryError(404, 40403, "Schema not found" if wanted is None else f"Schema {wanted} not found")


def level_not_configured(subject: str) -> RegistryError:
    """The subject has no compatibility level of its own."""
    return RegistryError(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def mode_not_configured(subject: str) -> RegistryError:
    """The subject has no mode of its own."""
    return RegistryError(404, 40409, f"Subject '{subject}' does not have subject-level mode configured")


def invalid_schema(why: object) -> RegistryError:
    """The schema of a request cannot be used."""
    return RegistryError(422, 42201, f"Invalid schema: {str(why)[:500]}")


def schema_too_large(max_bytes: int) -> RegistryError:
    """The body of a request is larger than any schema should be."""
    return RegistryError(422, 42209, f"The request is larger than {max_bytes} bytes.")


def bad_request(message: str) -> RegistryError:
    """The request cannot be read at all."""
    return RegistryError(400, 400, message)
