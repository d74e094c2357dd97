"""Roles in the claims of a session."""

from typing import Any


def roles_in(claim: Any) -> list[str]:
    """The roles in a list or in space-separated text. Anything that is not text is not a role."""
    if isinstance(claim, str):
        return claim.split()
    return [role for role in claim if isinstance(role, str)] if isinstance(claim, list) else []
