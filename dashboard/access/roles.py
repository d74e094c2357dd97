"""The roles that the claims of a session name."""

from typing import Any


def roles_in(claim: Any) -> list[str]:
    """Roles from a list, or from words with spaces between; what is not text is no role."""
    if isinstance(claim, str):
        return claim.split()
    return [role for role in claim if isinstance(role, str)] if isinstance(claim, list) else []
