"""The page in a real Chromium: what a person sees, presses and types, and that nothing leaves this machine.

Skipped where there is no Chromium or no driver for it. Waits are for what is to be seen, never for time.
"""

import asyncio
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from bot.build.house import EXAMPLE
from tests.fakes.claude import Echo, FakeClaude
from tests.flows.program import Program

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not both installed"),
]

T = TypeVar("T")

PATIENCE_S = 20.0
RUN = ("run", "--http-port", "0", "--port", "0")

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1280,900",
)

ANSWERED = "PgBouncer shows cl_waiting above 0 and most sessions are idle in transaction, what do I do first?"
CITED = "postgres-connection-pool.md"
UNANSWERABLE = "The warehouse label printer is jammed, what now?"

WATCH = """
window.lengths = [];
new MutationObserver(() => {
  const text = document.querySelector("#thread-list article[aria-busy=true] .text")?.textContent;
  if (text && window.lengths.at(-1) !== text.length) window.lengths.push(text.length);
}).observe(document.body, { childList: true, subtree: true });
"""
"""Notes in the page how long the answer is, each time that it has grown."""


class Page:
    """A person at the page. Whatever is looked for is waited for."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def one(self, css: str, says: str = "") -> WebElement:
        """Return an element that is seen and says something, the last such."""

        def found(_driver: object) -> WebElement | None:
            seen = [each for each in self._all(css) if each.is_displayed() and says in each.text]
            return seen[-1] if seen else None

        return self.until(found, f"{css} that says {says!r}")

    def until(self, holds: Callable[[object], T | None], what: str) -> T:
        """Wait until something holds, and return it. An element that the page draws anew is looked for again."""
        wait = WebDriverWait[Any](
            self.driver, PATIENCE_S, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return cast("T", wait.until(holds, f"never came: {what}"))

    def type(self, text: str) -> None:
        """Type into the channel's box and send it."""
        box = self.one("#composer-main")
        box.send_keys(text)
        box.send_keys(Keys.ENTER)

    def ask(self, question: str) -> WebElement:
        """Mention the bot, and return its answer in the thread, once it is whole: with thumbs, and growing no more."""
        before = self._all("#list article")
        self.type(f"@copilot {question}")
        self.until(lambda _: len(self._all("#list article")) > len(before) or None, "the question in the channel")
        self.one("#thread-list article", question)
        self.one("#thread-list article[aria-busy=false] .thumb")
        return self.one("#thread-list article[aria-busy=false]")

    def press(self, css: str, says: str = "") -> None:
        """Press what is there, wherever it has scrolled to."""
        button = self.one(css, says)
        self.driver.execute_script("arguments[0].scrollIntoView()", button)
        button.click()

    def _all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder whose data folder is kept for all of this module."""
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Give the page of a bot that has read the runbooks that ship, and quotes them."""
    with Program(*RUN, folder=folder) as program:
        yield program.ready()
        assert program.stop() == 0


@contextmanager
def chromium(url: str) -> Iterator[Page]:
    """Open a page in a browser of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        driver.get(url)
        yield Page(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def page(url: str) -> Iterator[Page]:
    """Give the page, open in a browser; the token in its URL is good for this one."""
    with chromium(url) as page:
        yield page


def test_a_question_is_answered_with_its_sources(page: Page) -> None:
    """A mention gets an answer in its thread: the runbook's steps as a quote, and where they stand."""
    answer = page.ask(ANSWERED)
    assert "From the runbook" in answer.text
    assert "Postgres connection pool" in answer.text.partition("Sources:")[2]


def test_show_source_opens_the_cited_lines(page: Page) -> None:
    """Show source opens the very lines of the file, under its path and their numbers."""
    page.ask(ANSWERED)
    page.press("#thread-list [data-action=show_source_1]")
    place = page.one("#modal .block-context", f"{CITED}, lines ").text
    path, first, last = re.fullmatch(r"runbooks/(\S+), lines (\d+)-(\d+)", place).groups()  # type: ignore[union-attr]
    lines = (EXAMPLE / path).read_text(encoding="utf-8").split("\n")[int(first) - 1 : int(last)]
    assert page.one("#modal pre code").get_property("textContent") == "\n".join(lines)
    page.press("#modal footer button", "Close")
    page.until(lambda _: not page.driver.find_element(By.ID, "modal").is_displayed() or None, "the end of the modal")


def test_a_question_that_nothing_answers_is_declined(page: Page) -> None:
    """What is not in the runbooks is said not to be, without sources."""
    answer = page.ask(UNANSWERABLE)
    assert "Not in the runbooks." in answer.text
    assert "Sources:" not in answer.text


def test_a_thumb_can_be_pressed(page: Page) -> None:
    """A pressed thumb stays pressed, and a note that only the person sees says that it was heard."""
    page.ask(ANSWERED)
    page.press("#thread-list .thumb[data-value^='up:']")
    page.one("#thread-list .thumb[data-value^='up:'][aria-pressed=true]")
    assert "Only visible to you" in page.one("#thread-list article", "Noted: helpful.").text


def test_the_slash_command_answers_for_the_person_alone(page: Page) -> None:
    """`/copilot ask` answers in the channel, seen by who asked."""
    page.type("/copilot ask node went NotReady")
    answer = page.one("#list article.ephemeral", "Sources:")
    assert "Only visible to you" in answer.text


def test_an_answer_streams_as_it_is_written(tmp_path: Path) -> None:
    """With a model the answer grows before the reader's eyes, and then stands with its sources."""
    (tmp_path / "runbooks").mkdir()
    shutil.copy(EXAMPLE / CITED, tmp_path / "runbooks")
    (tmp_path / "copilot.toml").write_text('[documents]\nfolders = ["runbooks"]\n')
    with claude() as server, Program(*RUN, folder=tmp_path, settings={"ANTHROPIC_BASE_URL": server}) as program:
        with chromium(program.ready()) as page:
            page.driver.execute_script(WATCH)
            answer = page.ask(ANSWERED)
            lengths = page.driver.execute_script("return window.lengths")
            assert "Sources: [1] " in answer.text
        assert program.stop() == 0
    assert len(lengths) > 2
    assert lengths == sorted(lengths)


@contextmanager
def claude() -> Iterator[str]:
    """Serve a Claude that repeats the passages, a piece at a time, in a thread of its own; give its URL."""
    loop = asyncio.new_event_loop()
    serving = threading.Thread(target=loop.run_forever)
    serving.start()
    server = FakeClaude(Echo(), pause_s=0.1)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(PATIENCE_S)
        yield server.url
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        serving.join()
        loop.close()


def test_nothing_leaves_this_machine_and_nothing_complains(page: Page, url: str) -> None:
    """All requests of all the tests above went to the workspace, under a policy that allows no others; no error."""
    page.ask(ANSWERED)
    log = [json.loads(entry["message"])["message"] for entry in _log(page, "performance")]
    asked = [each["params"]["request"]["url"] for each in log if each["method"] == "Network.requestWillBeSent"]
    assert {urlsplit(each).netloc for each in asked} == {urlsplit(url).netloc}
    assert "default-src 'none'" in _policy(log)
    assert _log(page, "browser") == []


def _log(page: Page, name: str) -> list[Any]:
    """Return what Chromium noted since it was last asked."""
    return list(page.driver.get_log(name))  # type: ignore[no-untyped-call]  # selenium's own is untyped


def _policy(log: list[Any]) -> str:
    """Return the policy that came with the page."""
    answers = (each["params"]["response"] for each in log if each["method"] == "Network.responseReceived")
    page = next(answer for answer in answers if answer["mimeType"] == "text/html")
    return str(page["headers"]["Content-Security-Policy"])
