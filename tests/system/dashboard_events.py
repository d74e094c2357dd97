"""What is sent to the pipeline whose dashboard is tested: the demo, people who sign in and out, and an attack."""

from typing import Any

import httpx

from tests.system.stack import Stack

EVIL = "<img src=x onerror=alert(1)>"
DEMO = 400
# With two that attack the page, and nine of those who sign in and out.
ACCEPTED = DEMO + 2 + 9
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"}


def send_events(stack: Stack) -> None:
    """Send all of them, and one that is rejected."""
    done = stack.footfall("demo", "--events", str(DEMO), "--rate", "60", "--past-days", "0", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (EVIL, "__proto__"):
        assert stack.post(submitted(name), headers=BROWSER).status_code == 200
    sign_in_and_out(stack)
    assert stack.post({"event_type": "never_heard_of", "event_data": {}}).status_code == 400


def sign_in_and_out(stack: Stack) -> None:
    """Three people in nine events, and one who opts out: ann has two browsers, bob uses one of them after her."""
    ann, bob = stack.session(sub="ann")["cookie"], stack.session(sub="bob")["cookie"]
    laptop, phone, _guest = (visitor_of(stack) for _ in range(3))
    for cookies in ([laptop, ann], [laptop], [phone, ann], [laptop, bob], [laptop]):
        assert click(stack, *cookies).status_code == 200
    assert click(stack, **{"sec-gpc": "1"}).status_code == 200


def visitor_of(stack: Stack) -> str:
    """The cookie of a new visitor."""
    return click(stack).headers["set-cookie"].partition(";")[0]


def click(stack: Stack, *cookies: str, **headers: str) -> httpx.Response:
    """A click in a browser with these cookies."""
    body = {"event_type": "click", "event_data": {"element": "logo"}}
    return stack.post(body, headers=BROWSER | ({"cookie": "; ".join(cookies)} if cookies else {}) | headers)


def submitted(form: str) -> dict[str, Any]:
    """An event whose form is in a panel with few other names."""
    return {"event_type": "form_submit", "event_data": {"form": form, "success": True}}
