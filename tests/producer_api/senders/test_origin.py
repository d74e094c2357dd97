"""Pages of other sites may not post, unless their origin is listed."""

import pytest

from producer_api.errors import Forbidden
from producer_api.senders.origin import AllowedOrigins, require_allowed


@pytest.mark.parametrize(
    ("from_origin", "site", "passes"),
    [
        pytest.param(None, None, True, id="curl"),
        pytest.param("https://app.example", "same-origin", True, id="own page"),
        pytest.param("https://app.example", None, True, id="own page, old browser"),
        pytest.param("https://friend.example", "cross-site", True, id="listed"),
        pytest.param("https://evil.example", "cross-site", False, id="foreign"),
        pytest.param("https://evil.example", None, False, id="foreign, old browser"),
        pytest.param("https://other.app.example", "same-site", False, id="sibling that is not listed"),
        pytest.param(None, "cross-site", False, id="foreign without origin"),
        pytest.param("null", "cross-site", False, id="sandboxed"),
        pytest.param("null", "same-origin", True, id="own page that hides its origin"),
        pytest.param("https://public.example", "same-origin", True, id="own page behind a proxy"),
        pytest.param("https://app.example", "same-site", False, id="own name, but another scheme or port"),
    ],
)
def test_pages_of_other_sites_may_post_only_if_listed(
    from_origin: str | None, site: str | None, passes: bool
) -> None:
    arguments = (from_origin, site, "app.example", AllowedOrigins(["https://friend.example"]))
    if passes:
        require_allowed(*arguments)
        return
    with pytest.raises(Forbidden) as rejected:
        require_allowed(*arguments)
    assert rejected.value.fault.code == "origin_not_allowed"
