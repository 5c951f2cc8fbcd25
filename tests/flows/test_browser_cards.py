"""A story card in a real Chromium: its chart, its buttons, the questions before them, the list and the home tab.

Skipped where there is no Chromium or no driver for it. Waits are for what is to be seen, never for time.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.ui import Select

from bot.slack.pace import Pace
from tests.bot.slack.room import Room
from tests.fakes.slack import INCIDENTS
from tests.fakes.stories import RUNBOOK, row_of
from tests.flows.test_browser import CHROMIUM, DRIVER, PATIENCE_S, Page, _log, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not both installed"),
]

BUTTON = "#list [data-action='card:{}:0']"


class Living(threading.Thread):
    """A bot with a story in the workspace, in a loop of its own, until `end`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.url = ""
        self._folder = folder
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def run(self) -> None:
        """Live."""
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        async with Room(self._folder) as room:
            room.time.now = time.time()
            room.pace = Pace(per_second=50.0, burst=200)
            watch = room.watching()
            watch.telling.runbook = RUNBOOK
            await room.start()
            assert room.bot is not None
            now = room.time.now
            await watch.open(row_of(opened=now))
            await watch.open(row_of("story:shop:13", opened=now, place="shadow"))
            room.bot.wake([INCIDENTS])
            self.url = room.slack.url
            self._ready.set()
            await self._over.wait()

    def ready(self) -> str:
        """Return the page, once the bot is there."""
        assert self._ready.wait(PATIENCE_S)
        return self.url

    def end(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give the page, open in a browser."""
    living = Living(tmp_path_factory.mktemp("cards"))
    living.start()
    try:
        with chromium(living.ready()) as page:
            yield page
    finally:
        living.end()


def shown(page: Page, css: str) -> list[Any]:
    """Return all that a selector finds."""
    return page.driver.find_elements("css selector", css)


def test_a_card_shows_its_chart_with_the_deployment(page: Page) -> None:
    """Two lines with a legend, axes with their unit and zone, and the time of the deployment marked and named."""
    assert page.one("#list .block-header").text == "checkout: timeouts, open, version 1"
    assert page.one("#list .chart-title").text == "Lines a minute"
    assert [each.text for each in shown(page, "#list .legend li")] == ["observed", "usual"]
    assert len(shown(page, "#list .chart polyline")) == 2
    words = [each.get_attribute("textContent") for each in shown(page, "#list .chart text")]
    assert {"UTC", "a minute (mean of 3 min)", "40", "0"} <= set(words)
    (mark,) = shown(page, "#list .chart .mark-words")
    assert mark.get_attribute("textContent").endswith(" v2")
    label = page.one("#list .chart svg").get_attribute("aria-label")
    assert label == "Lines a minute. observed: 1 to 42; usual: 1 to 1"


def test_not_an_anomaly_asks_first_and_can_be_undone(page: Page) -> None:
    """Cancel changes nothing; the answer yes edits the message for all, and Undo takes it back."""
    page.press(BUTTON.format("reject"))
    assert "For 30 days nothing is posted" in page.one("dialog.confirm").text
    page.press("dialog.confirm footer button", "Cancel")
    page.until(lambda _: not shown(page, "dialog.confirm") or None, "the end of the question")
    assert "version 1" in page.one("#list .block-header").text
    page.press(BUTTON.format("reject"))
    page.press("dialog.confirm footer button", "Not an anomaly")
    page.one("#list .block-header", "no anomaly, version 2")
    assert "Only visible to you" in page.one("#list article.ephemeral", "shop-12 is no anomaly.").text
    page.press(BUTTON.format("undo"))
    page.one("#list .block-header", "open, version 3")


def test_snooze_is_a_menu_of_spans(page: Page) -> None:
    """The span that is chosen counts at once."""
    menu = Select(page.one(BUTTON.format("snooze")))
    assert [each.text for each in menu.options if each.is_displayed() and each.get_attribute("value")] == [
        "for 1 hour",
        "for 24 hours",
    ]
    menu.select_by_visible_text("for 24 hours")
    page.one("#list article.ephemeral", "shop-12 is snoozed for 86400 s.")
    page.one("#list .block-section", "snoozed by alice")


def test_investigate_opens_a_thread(page: Page) -> None:
    """The first look is a reply to the card."""
    page.press(BUTTON.format("investigate"))
    page.press("#list .replies", "1 reply")
    page.one("#thread-list article", "A first look at story:shop:12")
    page.press("#thread-close")


def test_incidents_lists_the_story_with_its_buttons(page: Page) -> None:
    """The list is for the person alone, and its buttons do what those of the message do."""
    page.type("/copilot incidents")
    listed = page.one("#list article.ephemeral", "1 open story.")
    assert "shop-12 · high" in listed.text
    page.press("#list [data-action='card:acknowledge:1']")
    page.one("#list .block-section", "acknowledged by alice")


def test_the_home_tab_shows_what_shadow_keeps(page: Page) -> None:
    """Open stories with buttons, and those of shadow without."""
    page.press("#directs button")
    page.press("#tabs button", "Home")
    text = page.one("#list .home", "In shadow, last 24 hours").text
    open_, _, shadow = text.partition("In shadow, last 24 hours")
    assert "shop-12" in open_
    assert "shop-13" in shadow
    assert "Acknowledge" in open_
    assert "Acknowledge" not in shadow


def test_no_error_in_the_page(page: Page) -> None:
    """All of this was drawn without a complaint of the browser."""
    assert _log(page, "browser") == []
