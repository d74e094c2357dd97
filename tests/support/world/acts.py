"""What the events of the world say: the data of each type."""

import uuid
from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.world import scenery


def _error(chance: Random, page: str) -> tuple[dict[str, Any], str]:
    kind, message, source, _name = chance.choice(scenery.ERRORS)
    sent = {"kind": kind, "message": message, "source": source, "page": page}
    return {name: value for name, value in sent.items() if value is not None}, page


def _vital(chance: Random, page: str) -> tuple[dict[str, Any], str]:
    metric = chance.choice(list(scenery.VITALS))
    return {"metric": metric, "value": chance.choice(scenery.VITALS[metric]), "page": page}, page


def _form(chance: Random, page: str) -> tuple[dict[str, Any], str]:
    success = chance.choice([True, True, False, None])
    sent = {"form": chance.choice(["signup", "login"]), "page": page}
    return sent | ({} if success is None else {"success": success}), page


# The data of each type, and the page that it is on.
DATA: dict[str, Callable[[Random, str], tuple[dict[str, Any], str | None]]] = {
    "page_view": lambda _chance, page: ({"page": page}, page),
    "button_click": lambda chance, page: (
        {"button": chance.choice(["buy", "export", "!odd"]), "page": page},
        page,
    ),
    "form_submit": _form,
    "error_encountered": _error,
    "web_vital": _vital,
    "feature_used": lambda chance, _page: (
        {"feature": chance.choice(scenery.FEATURES), "beta": chance.choice([True, False])},
        None,
    ),
    "scroll": lambda chance, _page: ({"position": chance.choice([25, 50, 75])}, None),
    "click": lambda chance, _page: ({"element": chance.choice(["nav", "footer"])}, None),
}


def new_id(chance: Random, made: int) -> str:
    random = uuid.UUID(bytes=chance.randbytes(16), version=4).hex
    return f"evt_{made:012x}7{random[13:]}"
