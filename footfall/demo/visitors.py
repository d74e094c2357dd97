"""Simulated visitors, and what each does next. No I/O; the random generator is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

Event = dict[str, Any]
Choice = TypeVar("Choice")

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
BUTTONS = {
    "/": ["start_trial", "watch_tour"],
    "/pricing": ["buy_team", "buy_starter", "compare_plans"],
    "/dashboard": ["new_report", "refresh"],
    "/reports": ["export", "filter", "share"],
}
# The form of a page, and the share of its submissions that succeed.
FORMS = {
    "/": ("newsletter", 0.97),
    "/login": ("login", 0.93),
    "/settings": ("profile", 0.85),
    "/signup": ("signup", 0.62),
}
# Pages on which visits begin, and how visitors arrive (referrer, query of the page), with their frequencies.
LANDINGS = {"/": 50, "/blog/why-kafka": 25, "/pricing": 15, "/login": 10}
_SEARCH = "https://www.google.com/"
ARRIVALS = {
    ("", ""): 30,
    (_SEARCH, ""): 30,
    ("https://duckduckgo.com/", ""): 6,
    ("https://news.ycombinator.com/", ""): 12,
    ("https://www.linkedin.com/", ""): 8,
    ("https://chatgpt.com/", ""): 6,
    ("https://docs.partner.example/integrations", ""): 6,
    ("", "?utm_source=newsletter&utm_medium=email&utm_campaign=november"): 9,
    (_SEARCH, "?utm_source=google&utm_medium=cpc&utm_campaign=teams"): 8,
    ("https://www.linkedin.com/", "?utm_source=linkedin&utm_medium=social&utm_campaign=launch"): 5,
}
HOSTNAME, FORMER_RELEASE = "www.example.com", "2026.11.2"
RELEASES = {"2026.11.3": 3, FORMER_RELEASE: 1}
LANGUAGES = {"en-US": 40, "de-DE": 20, "fr-FR": 10, "es-ES": 8, "pt-BR": 6, "ja": 4, "en-GB": 12}
# The most actions of a visit, and what visitors do, with frequencies.
MAX_ACTIONS = 24
ACTIONS = {"view": 30, "click": 25, "form": 9, "scroll": 22, "feature": 9, "error": 2}
FORMER_FEATURES = {"search": 10, "export_data": 6, "dark_mode": 2, "share_report": 3}
# The new one came with the newest release.
FEATURES = FORMER_FEATURES | {"ai_summary": 4}
_SHARE_THAT_SIGNS_OUT = 0.2
# The error of a page: kind, message, file.
ERRORS = {
    "/reports": ("TypeError", "Cannot read properties of undefined (reading 'rows')", "/assets/reports.js"),
    "/dashboard": ("NetworkError", "Request timed out after 30000 ms", "/assets/app.js"),
    "/signup": ("ValidationError", "Plan 3 is not for sale", "/assets/signup.js"),
}
ERROR_ON_OTHER_PAGES = ("ResizeObserverError", "ResizeObserver loop limit exceeded", "/assets/vendor.js")
# Web vitals: median and spread (sigma of a lognormal distribution).
VITALS = {"TTFB": (320, 0.5), "FCP": (900, 0.4), "LCP": (1500, 0.45), "INP": (110, 0.6), "CLS": (0.04, 0.9)}
_PHONE_FACTOR = 1.6
_SHARE_OF_VIEWS_WITH_VITALS = 0.4
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
# With the width of the screen.
USER_AGENTS = {
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Safari/537.36": 1920,
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Safari/605.1.15": 1512,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0": 1366,
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {_WEBKIT} Mobile/15E148 Safari/604.1": 390,
    f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_CHROME} Mobile Safari/537.36": 412,
    f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {_WEBKIT} Mobile/15E148 Safari/604.1": 820,
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36 Edg/142.0.0.0": 2560,
}
_PHONES = ("iPhone", "Android")
# Programs, which only look at pages.
PROGRAMS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME.replace('Chrome', 'HeadlessChrome')} Safari/537.36",
)


@dataclass(slots=True)
class Visitor:
    """A visitor of the site, who starts a new visit when one ends. A member signs in, and then is a user."""

    number: int
    random: Random
    user_agent: str = ""
    is_member: bool = False
    is_signed_in: bool = False
    features: Mapping[str, int] = field(default_factory=lambda: FEATURES)
    # What the browser says about where its events happen.
    context: dict[str, str | int] = field(default_factory=dict)
    page: str = "/"
    # The page that led to the page: outside the site, the previous one, or none.
    _referrer: str = ""
    # Of the page's URL.
    _query: str = ""
    # Actions until the visit ends.
    _actions_left: int = 0
    # Web vitals that the browser reports after a page view, before the next action.
    _reports: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.user_agent = self.user_agent or self.random.choice(list(USER_AGENTS))
        self.context = self.context or {
            "hostname": HOSTNAME,
            "language": self._choose(LANGUAGES),
            "screen_width": USER_AGENTS.get(self.user_agent, 1920),
            "release": self._choose(RELEASES),
        }

    @property
    def is_visiting(self) -> bool:
        """Whether the visit goes on."""
        return bool(self._reports or self._actions_left)

    def next_event(self) -> Event:
        """The event that the visitor's browser posts next."""
        if self._reports:
            return self._reports.pop()
        if self._actions_left == 0:
            return self._arrive()
        self._actions_left -= 1
        if self.user_agent in PROGRAMS:
            return self._view_next()
        if self.is_member and not self.is_signed_in and self.page == "/login":
            self.is_signed_in = True
            return _event("form_submit", form="login", page=self.page, success=True)
        return self._act()

    def _arrive(self) -> Event:
        self._actions_left = self.random.randrange(4, MAX_ACTIONS)
        self.page, (self._referrer, self._query) = self._choose(LANDINGS), self._choose(ARRIVALS)
        if self.random.random() < _SHARE_THAT_SIGNS_OUT:
            self.is_signed_in = False
        if self.is_member and not self.is_signed_in:
            self.page, self._referrer, self._query = "/login", "", ""
        return self._view()

    def _act(self) -> Event:
        match self._choose(ACTIONS):
            case "click" if self.page in BUTTONS:
                return _event("button_click", button=self.random.choice(BUTTONS[self.page]), page=self.page)
            case "form" if self.page in FORMS:
                form, success_share = FORMS[self.page]
                return _event(
                    "form_submit", form=form, page=self.page, success=self.random.random() < success_share
                )
            case "scroll":
                return _event("scroll", position=self.random.randrange(100, 4000, 100), page=self.page)
            case "feature":
                return _event("feature_used", feature=self._choose(self.features))
            case "error":
                kind, message, source = ERRORS.get(self.page, ERROR_ON_OTHER_PAGES)
                return _event("error_encountered", message=message, kind=kind, source=source, page=self.page)
            case "click":
                return _event("click", element=self.random.choice(["nav_menu", "logo", "footer"]), page=self.page)
        return self._view_next()

    def _view_next(self) -> Event:
        self._referrer, self._query, self.page = self.page, "", self.random.choice(PAGES[self.page])
        return self._view()

    def _view(self) -> Event:
        if self.user_agent not in PROGRAMS and self.random.random() < _SHARE_OF_VIEWS_WITH_VITALS:
            self._reports = [self._vital(name) for name in self.random.sample(list(VITALS), 2)]
        referrer = {"referrer": self._referrer} if self._referrer else {}
        return _event("page_view", page=self.page + self._query, **referrer)

    def _vital(self, name: str) -> Event:
        median, sigma = VITALS[name]
        factor = _PHONE_FACTOR if any(phone in self.user_agent for phone in _PHONES) else 1.0
        value = median * factor * self.random.lognormvariate(0, sigma)
        return _event("web_vital", metric=name, value=round(value, 3 if name == "CLS" else 0), page=self.page)

    def _choose(self, choices: Mapping[Choice, int]) -> Choice:
        (chosen,) = self.random.choices(list(choices), list(choices.values()))
        return chosen


def _event(event_type: str, **event_data: Any) -> Event:
    return {"event_type": event_type, "event_data": event_data}
