"""The demo's shop in a real Chromium: somebody breaks something, and sees what is broken.

Skipped where there is no Chromium or no driver for it. Waits are for what is to be seen, never for time.
"""

from collections.abc import Iterator

import pytest

from bot.workspace.services import FAULTS, STREAMS
from tests.flows.program import Program
from tests.flows.test_browser import CHROMIUM, DRIVER, RUN, Page, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not both installed"),
]

BROKEN = "Payment gateway times out"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Give the page of a bot that nobody has configured: its shop is open."""
    folder = tmp_path_factory.mktemp("shop")
    with Program(*RUN, folder=folder, settings={"COPILOT_SHOP": "true"}) as program:
        with chromium(program.ready()) as page:
            yield page
        assert program.stop() == 0
    assert {each.name.partition("-20")[0] for each in (folder / "var" / "shop").iterdir()} == set(STREAMS)


def test_the_button_breaks_something(page: Page) -> None:
    """It shows what can be broken; what is broken is said, until when, and that a story should follow."""
    page.press("#break:enabled", "Break something")
    assert [each.text for each in page.driver.find_elements("css selector", "#break-menu strong")] == [
        fault.title for fault in FAULTS
    ]
    page.press("#break-menu button", BROKEN)
    strip = page.one("#strip.broken").text
    assert "Calls to the payment gateway Tillgate time out." in strip
    assert "A story should follow in #incidents within two minutes." in strip
    page.one("#break:disabled", "Broken until")


def test_what_is_broken_is_seen_after_a_reload(page: Page) -> None:
    """And there is no menu to break more."""
    page.driver.refresh()
    page.one("#strip.broken", "Calls to the payment gateway")
    assert not page.one("#break:disabled").is_enabled()
    assert not page.driver.find_element("id", "break-menu").is_displayed()


def test_in_a_direct_message_nothing_can_be_broken(page: Page) -> None:
    """There, people are alone with copilot; in a channel the button is back."""
    page.press("#directs button", "copilot")
    page.until(lambda _: not page.driver.find_element("id", "breaker").is_displayed() or None, "no button")
    page.press("#channels button", "incidents")
    page.one("#break:disabled")


def test_the_page_has_nothing_to_complain_of(page: Page) -> None:
    """No error in the browser's console."""
    assert list(page.driver.get_log("browser")) == []  # type: ignore[no-untyped-call]  # selenium's own is untyped
