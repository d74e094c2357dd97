"""What the world is made of, with what each part is known as: browsers, programs, places and ways to arrive.

All is said by hand: nothing here asks the product what it makes of a user agent or a referrer.
"""

from typing import NamedTuple


class Machine(NamedTuple):
    """A user agent, and what it is."""

    agent: str
    browser: str
    system: str
    kind: str

    @property
    def is_program(self) -> bool:
        return self.kind == "bot"


_WEBKIT, _SAFARI = "AppleWebKit/537.36 (KHTML, like Gecko)", "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = Machine(
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/142.0.0.0 Safari/537.36",
    "Chrome", "Windows", "desktop",
)  # fmt: skip
PEOPLES = (
    CHROME,
    Machine(
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Version/18.1 Safari/605.1.15",
        "Safari", "Mac OS X", "desktop",
    ),
    Machine("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "Linux", "desktop"),
    Machine(
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {_SAFARI} Version/18.1 Mobile/15E148 Safari/604.1",
        "Mobile Safari", "iOS", "mobile",
    ),
    Machine(
        f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36",
        "Chrome Mobile", "Android", "mobile",
    ),
    Machine(
        f"Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) {_SAFARI} Version/17.6 Mobile/15E148 Safari/604.1",
        "Mobile Safari", "iOS", "tablet",
    ),
)  # fmt: skip
PROGRAMS = (
    Machine("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "unknown", "bot"),
    Machine("curl/8.9.1", "curl", "unknown", "bot"),
    Machine("", "unknown", "unknown", "bot"),
    Machine(f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} HeadlessChrome/142.0.0.0", "HeadlessChrome", "Linux", "bot"),
)  # fmt: skip
# What is known of a browser of which a backend says nothing.
UNSAID = Machine("", "unknown", "unknown", "unknown")

# Networks by country; of the last one nobody knows where it is.
COUNTRIES = {"81.2.69.": "DE", "89.160.20.": "SE", "216.160.83.": "US", "175.16.199.": "NP", "67.43.156.": None}


class Arrival(NamedTuple):
    """What a first view says about where somebody came from, and what that is."""

    referrer: str | None = None
    query: str = ""
    source: str | None = None
    channel: str | None = None
    campaign: str | None = None

    @property
    def is_outside(self) -> bool:
        return self.channel not in (None, "direct")


# A view within the site.
NOTHING = Arrival()
DIRECT = Arrival(channel="direct")
# All but the last differ in where they come from.
OUTSIDE = (
    Arrival("https://www.google.com/", "", "google.com", "search"),
    Arrival("https://www.bing.com/search?q=shoes", "", "bing.com", "search"),
    Arrival("https://news.example/story?id=7", "", "news.example", "referral"),
    Arrival("https://t.co/x", "", "t.co", "social"),
    Arrival("https://chatgpt.com/", "", "chatgpt.com", "ai"),
    Arrival("https://mail.google.com/", "", "mail.google.com", "mail"),
    Arrival(None, "utm_source=newsletter&utm_medium=email&utm_campaign=spring", None, "mail", "spring"),
    Arrival(None, "utm_source=newsletter&utm_medium=email&utm_campaign=autumn", None, "mail", "autumn"),
    Arrival(
        "https://www.google.com/",
        "gclid=Cj0KEQ&utm_source=google&utm_medium=cpc&utm_campaign=brand",
        "google.com", "paid", "brand",
    ),
    Arrival(
        "https://l.facebook.com/", "utm_source=facebook&utm_medium=social&utm_campaign=launch",
        "l.facebook.com", "social", "launch",
    ),
    Arrival(
        "https://partner.example/", "utm_source=partner&utm_campaign=100%25+off",
        "partner.example", "referral", "100% off",
    ),
)  # fmt: skip
# The hosts of the site. A page of one of them is never a source.
HOSTS = ("shop.example", "www.shop.example", "blog.example")
ORIGINS = tuple(f"https://{host}" for host in HOSTS)
OWN_REFERRERS = (
    "https://shop.example/",
    "https://www.shop.example/pricing?x=1",
    "https://blog.example/a",
    "/pricing",
)

# Pages with their routes, if the application names any.
PAGES = (
    ("/", None),
    ("/pricing", None),
    ("/products/7", "/products/:id"),
    ("/products/12", "/products/:id"),
    ("/docs/start", None),
    ("/thanks", None),
)
LANGUAGES = {"de-DE,de;q=0.9": "de-DE", "sv": "sv", "en-US,en;q=0.5": "en-US", "": None}
SCREENS = {390: "xs", 800: "md", 1440: "xl", 2560: "xxl", None: None}
SITES = ("default", "shop")
ERRORS = (
    (
        "TypeError",
        "item 17 is missing",
        "https://shop.example/assets/app.js",
        "TypeError: item # is missing (app.js)",
    ),
    (
        "TypeError",
        "item 18 is missing",
        "https://shop.example/assets/app.js",
        "TypeError: item # is missing (app.js)",
    ),
    ("RangeError", "too far", None, "RangeError: too far"),
    (None, "no reason", None, "Error: no reason"),
)
FEATURES = ("export_data", "import", "share", "dark mode")
VITALS = {
    "LCP": (1200.0, 2500.0, 2500.5, 4000.0, 5200.0),
    "INP": (80.0, 200.0, 350.0, 900.0),
    "CLS": (0.0, 0.1, 0.2, 0.3),
}
