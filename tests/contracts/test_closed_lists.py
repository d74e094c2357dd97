"""The history page offers the values that the collector writes. No service imports another, so each has its own list."""

from avro_schemas import live_aggregates
from dashboard.filters import FILTERS
from footfall.demo.visitors import USER_AGENTS
from producer_api.intake.arrival import CHANNELS, DIRECT
from producer_api.intake.client_context import screen_class
from producer_api.privacy.devices import classify


def test_every_channel_can_be_chosen() -> None:
    assert FILTERS["channel"].choices == CHANNELS
    assert DIRECT.channel == live_aggregates.DIRECT


def test_every_class_of_screens_can_be_chosen() -> None:
    screens = dict.fromkeys(screen_class(width) for width in range(1, 3000))
    assert FILTERS["screen"].choices == tuple(screen for screen in screens if screen)


def test_every_class_of_devices_can_be_chosen() -> None:
    kinds = {classify(user_agent).kind for user_agent in (*USER_AGENTS, "Googlebot/2.1", "Anything/1.0", "")}
    assert kinds == set(FILTERS["device"].choices)
