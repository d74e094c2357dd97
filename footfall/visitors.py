"""A believable stream of visitors: who does what next. Pure: chance comes in."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

Event = dict[str, Any]

PAGES = {
    "/": ["/pricing", "/features", "/login", "/blog"],
    "/blog": ["/blog/why-kafka", "/"],
    "/blog/why-kafka": ["/pricing", "/"],
    "/features": ["/pricing", "/signup"],
    "/pricing": ["/signup", "/features"],
    "/signup": ["/dashboard"],
    "/login": ["/dashboard"],
    "/dashboard": ["/reports", "/settings", "/dashboard"],
    "/reports": ["/dashboard", "/reports"],
    "/settings": ["/dashboard"],
}
BUTTONS = {"/reports": ["export", "filter", "share"], "/dashboard": ["new_report", "refresh"], "/pricing": ["buy"]}
FORMS = {"/signup": "signup", "/login": "login", "/settings": "profile"}
REFERRERS = ["https://search.example", "https://news.example", None, None]
# What visitors do, by how often.
HABITS = {"view": 30, "click": 25, "form": 8, "scroll": 25, "feature": 9, "error": 3}
ERRORS = [("TypeError", "Cannot read properties of undefined"), ("NetworkError", "Request timed out")]
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
USER_AGENTS = [
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {_WEBKIT} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_CHROME} Mobile Safari/537.36",
]


@dataclass(slots=True)
class Visitor:
    """Somebody on the site. `next_event` says what they do next."""

    number: int
    chance: Random
    user_agent: str = ""
    page: str = "/"
    _referrer: str | None = field(default=None)
    _arrived: bool = False

    def __post_init__(self) -> None:
        self.user_agent = self.chance.choice(USER_AGENTS)
        self._referrer = self.chance.choice(REFERRERS)

    def next_event(self) -> Event:
        """What the visitor's browser posts next."""
        if not self._arrived:
            self._arrived = True
            return self._page_view()
        (kind,) = self.chance.choices(list(HABITS), list(HABITS.values()))
        match kind:
            case "click" if self.page in BUTTONS:
                return _event("button_click", button=self.chance.choice(BUTTONS[self.page]), page=self.page)
            case "form" if self.page in FORMS:
                success = self.chance.random() < 0.8
                return _event("form_submit", form=FORMS[self.page], page=self.page, success=success)
            case "scroll":
                return _event("scroll", position=self.chance.randrange(100, 4000, 100), page=self.page)
            case "feature":
                return _event("feature_used", feature=self.chance.choice(["export_data", "search", "dark_mode"]))
            case "error":
                name, message = self.chance.choice(ERRORS)
                return _event("error_encountered", message=message, kind=name, page=self.page)
            case "click":
                return _event("click", element=self.chance.choice(["nav_menu", "logo", "footer"]), page=self.page)
        self._referrer, self.page = self.page, self.chance.choice(PAGES[self.page])
        return self._page_view()

    def _page_view(self) -> Event:
        referrer = {"referrer": self._referrer} if self._referrer else {}
        return _event("page_view", page=self.page, **referrer)


def _event(event_type: str, **event_data: Any) -> Event:
    return {"event_type": event_type, "event_data": event_data}
