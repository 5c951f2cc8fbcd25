"""The page in a real browser: what it makes of text, and a person's way through it."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from tests.bot.workspace.conftest import Connected, client_of
from tests.bot.workspace.test_app import BUTTONS, MODAL
from tests.fakes.slack import INCIDENTS, FakeSlack

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,800",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver on this machine"),
]
RENDER = """
const [kind, text, done] = arguments;
const names = { user: (id) => ({ U0ALICE: "alice" })[id], channel: () => undefined };
import("/static/text.js").then((module) => {
  const node = document.createElement("div");
  node.append(...module[kind](text, names));
  node.querySelectorAll("button").forEach((button) => button.remove());
  for (const name of ["target", "rel", "title"])
    node.querySelectorAll("a").forEach((link) => link.removeAttribute(name));
  node.querySelectorAll("pre").forEach((pre) => pre.replaceWith(pre.textContent));
  done(node.innerHTML.replaceAll(' class="mention"', ""));
}, (error) => done(String(error)));
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Give a headless Chromium with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


class Browser:
    """Drives Chromium from a thread, so that the workspace can answer meanwhile."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    async def do(self, act: Any, *given: Any) -> Any:
        """Run a blocking call."""
        return await asyncio.to_thread(act, *given)

    async def open(self, url: str) -> None:
        """Open an address and wait until the page is drawn."""
        await self.do(self._driver.get, url)
        await self.see("#title")

    async def see(self, selector: str, text: str = "") -> Any:
        """Wait until something with that text is to be seen; the first such element."""

        def found(driver: webdriver.Chrome) -> Any:
            elements = driver.find_elements(By.CSS_SELECTOR, selector)
            return next((each for each in elements if each.is_displayed() and text in each.text), None)

        wait = WebDriverWait(self._driver, 5, 0.02, ignored_exceptions=[Exception])
        return await self.do(wait.until, found)

    async def gone(self, selector: str) -> None:
        """Wait until nothing of that kind is to be seen."""

        def absent(driver: webdriver.Chrome) -> bool:
            return not any(each.is_displayed() for each in driver.find_elements(By.CSS_SELECTOR, selector))

        await self.do(WebDriverWait(self._driver, 5, 0.02, ignored_exceptions=[Exception]).until, absent)

    async def type(self, selector: str, *keys: str) -> None:
        """Type into an element."""
        await self.do((await self.see(selector)).send_keys, *keys)

    async def click(self, selector: str, text: str = "") -> None:
        """Click an element."""
        await self.do((await self.see(selector, text)).click)

    async def press(self, key: str) -> None:
        """Press a key wherever the focus is."""
        await self.do(lambda: self._driver.switch_to.active_element.send_keys(key))

    async def render(self, kind: str, text: str) -> str:
        """Give the HTML that the page makes of a text."""
        return str(await self.do(self._driver.execute_async_script, RENDER, kind, text))

    async def run(self, script: str) -> Any:
        """Run a script in the page; its value."""
        return await self.do(self._driver.execute_script, script)

    async def complaints(self) -> list[str]:
        """Give the errors in the browser's console."""
        return [entry["message"] for entry in await self.do(self._driver.get_log, "browser")]


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[FakeSlack]:
    """Give an open workspace in which time passes."""
    async with FakeSlack(tmp_path) as fake:
        yield fake


@pytest.fixture
async def browser(chromium: webdriver.Chrome, live: FakeSlack) -> AsyncIterator[Browser]:
    """Give the page, open."""
    browser = Browser(chromium)
    await browser.open(live.url)
    yield browser
    assert await browser.complaints() == []
    await browser.do(chromium.get, "about:blank")


MARKDOWN = {
    "**bold** _it_ *it* `co*de` ~~no~~": (
        "<p><strong>bold</strong> <em>it</em> <em>it</em> <code>co*de</code> <del>no</del></p>"
    ),
    "snake_case_name and 2*3*4 left": "<p>snake_case_name and 2<em>3</em>4 left</p>",
    "a\nb\n\nc": "<p>a<br>b</p><p>c</p>",
    "# One\n## Two": "<h3>One</h3><h4>Two</h4>",
    "- a\n- b\n  - c\n\nd": "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><p>d</p>",
    "1. a\n2. b": '<ol start="1"><li value="1">a</li><li value="2">b</li></ol>',
    "1. a\n\n   ```\n   x\n     y\n   ```\n2. b": (
        '<ol start="1"><li value="1">a<div class="code">x\n  y</div></li><li value="2">b</li></ol>'
    ),
    "1. a\n```\nx\n```\n2. b": (
        '<ol start="1"><li value="1">a</li></ol><div class="code">x</div><ol start="2"><li value="2">b</li></ol>'
    ),
    "1. a\n\n2. b": '<ol start="1"><li value="1">a</li><li value="2">b</li></ol>',
    "```sh\nrm <x> && **y**\n": '<div class="code">rm &lt;x&gt; &amp;&amp; **y**\n</div>',
    "> a\n> - b": "<blockquote><p>a</p><ul><li>b</li></ul></blockquote>",
    "| a | b |\n|---|:-:|\n| 1 | x \\| y |": (
        '<div class="wide" tabindex="0"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
        "<tbody><tr><td>1</td><td>x | y</td></tr></tbody></table></div>"
    ),
    "[1] says [so](https://a.example/x_(1)) https://b.example/y.": (
        '<p>[1] says <a href="https://a.example/x_(1)">so</a> <a href="https://b.example/y">https://b.example/y</a>.</p>'
    ),
    "[x](javascript:alert(1)) ![y](data:text/html,z)": "<p><span>x</span> <span>y</span></p>",
    '<script>alert(1)</script> <img src=x onerror="y">': (
        '<p>&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror="y"&gt;</p>'
    ),
    "&lt;b&gt; &amp;lt; <@U0ALICE> <!here>": "<p>&lt;b&gt; &amp;lt; <span>@alice</span> <span>@here</span></p>",
    "---": "<hr>",
    r"\*no\* a * b": "<p>*no* a * b</p>",
}
MRKDWN = {
    "*bold* _it_ ~no~ `code`": "<strong>bold</strong> <em>it</em> <del>no</del> <code>code</code>",
    "**not** 2 * 3 * 4 a_b_c": "*<strong>not</strong>* 2 * 3 * 4 a_b_c",
    "<https://a.example/|x &amp; y> &lt;b&gt;": '<a href="https://a.example/">x &amp; y</a> &lt;b&gt;',
    "<javascript:alert(1)|x> <@U0NOBODY> <#C1|ops>": (
        "&lt;javascript:alert(1)|x&gt; <span>@U0NOBODY</span> <span>#ops</span>"
    ),
    "&gt; quoted\nafter": "<blockquote>quoted</blockquote>after",
    "see\n```\na <b>\n```\nend": 'see<div class="code">a &lt;b&gt;</div>end',
}


async def test_markdown_is_drawn(browser: Browser) -> None:
    """Standard Markdown becomes what it says; nothing in it becomes markup of the page."""
    assert {text: await browser.render("markdown", text) for text in MARKDOWN} == MARKDOWN


async def test_mrkdwn_is_drawn(browser: Browser) -> None:
    """Slack's own markup becomes what it says; nothing in it becomes markup of the page."""
    assert {text: await browser.render("mrkdwn", text) for text in MRKDWN} == MRKDWN


async def test_question_and_answer(browser: Browser, live: FakeSlack) -> None:
    """A mention opens its thread; the answer streams in, has its buttons, a modal opens and Escape closes it."""
    app = AsyncApp(client=client_of(live))
    go_on = asyncio.Event()

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], client: AsyncWebClient, context: AsyncBoltContext) -> None:
        channel, ts = event["channel"], event["ts"]
        await client.assistant_threads_setStatus(channel_id=channel, thread_ts=ts, status="is searching…")
        await go_on.wait()
        stream = await client.chat_startStream(
            channel=channel, thread_ts=ts, recipient_team_id=context.team_id, recipient_user_id=event["user"]
        )
        await client.chat_appendStream(channel=channel, ts=stream["ts"], markdown_text="**Drain** it")
        go_on.clear()
        await go_on.wait()
        await client.chat_stopStream(channel=channel, ts=stream["ts"], markdown_text=" now.", blocks=BUTTONS)

    @app.action("go")
    async def opened(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.action("felt")
    async def felt(ack: AsyncAck) -> None:
        await ack()

    async with Connected(app, live):
        await browser.type("#composer-main", "@co", Keys.TAB, "it is <b>down</b>", Keys.ENTER)
        await browser.see("#thread-list article", "@copilot it is <b>down</b>")
        await browser.see("#thread .status", "copilot is searching…")
        go_on.set()
        await browser.see("#thread .caret")
        await browser.gone("#thread .status")
        go_on.set()
        await browser.see("#thread-list article", "Drain it now.")
        await browser.gone(".caret")
        await browser.click('#thread [data-value="up"]')
        await browser.see('#thread [data-value="up"][aria-pressed="true"]')
        await browser.click("#thread .button", "Go")
        await browser.see("#modal-title", "What did you run?")
        assert await browser.run("return document.activeElement.tagName") == "TEXTAREA"
        await browser.press(Keys.ESCAPE)
        await browser.gone("#modal")
        await browser.see("#thread-list article", "Drain it now.")
        assert live.views == []
    await browser.see("#away", "copilot is not connected")


async def test_whisper_command_and_errors(browser: Browser, live: FakeSlack) -> None:
    """A command's answer is marked as seen by the asker alone; what cannot be sent is kept and explained."""
    app = AsyncApp(client=client_of(live))

    @app.command("/copilot")
    async def commanded(ack: AsyncAck) -> None:
        await ack(text="*help*")

    async with Connected(app, live):
        await browser.type("#composer-main", "/copilot help", Keys.ENTER)
        await browser.see("#list article.ephemeral", "Only visible to you")
        await browser.type("#composer-main", "/deploy", Keys.ENTER)
        await browser.see(".toast", "There is no command /deploy here.")
        assert await browser.run("return document.getElementById('composer-main').value") == "/deploy"


async def test_two_lines_and_reload(browser: Browser, live: FakeSlack) -> None:
    """Shift and Enter give a new line; a reload shows the same place again, without the token."""
    await browser.type("#composer-main", "one", Keys.SHIFT + Keys.ENTER + Keys.NULL, "two", Keys.ENTER)
    (message,) = await live.until(lambda: live.messages(INCIDENTS))
    assert message["text"] == "one\ntwo"
    await browser.see("#list article", "one")
    await browser.run("document.querySelector('#list .replies').click()")
    await browser.see("#thread-list article", "one")
    address = await browser.run("return location.href")
    assert "token" not in address
    await browser.open(address)
    await browser.run("location.reload()")
    await browser.see("#thread-list article", "one")


async def test_lost_line_is_shown(chromium: webdriver.Chrome, tmp_path: Path) -> None:
    """When the workspace stops, the page says so; when another start answers, it says how to get in."""
    browser = Browser(chromium)
    async with FakeSlack(tmp_path) as slack:
        port = slack.workspace.port
        await browser.open(slack.url)
    await browser.see("#banner", "Connection lost")
    async with FakeSlack(tmp_path, port=port):
        await browser.see("#banner", "copilot was restarted")
    await browser.do(chromium.get, "about:blank")
    await browser.complaints()


async def test_who_says_something_sees_it(browser: Browser, live: FakeSlack) -> None:
    """Whoever has scrolled up stays there when others write, and is taken to the end by a message of one's own."""
    for number in range(12):
        await client_of(live).chat_postMessage(channel=INCIDENTS, text=f"old {number}\n" * 12)
    await browser.see("#list article", "old 11")
    at = "return Math.round(document.getElementById('list').scrollTop)"
    await browser.run("document.getElementById('list').scrollTop = 300")
    await client_of(live).chat_postMessage(channel=INCIDENTS, text="from another")
    await browser.see("#list article", "from another")
    assert await browser.run(at) == 300
    await browser.type("#composer-main", "and from me", Keys.ENTER)
    await browser.see("#list article", "and from me")
    assert await browser.run(at) > 600


async def test_narrow_page_has_no_sideways_scroll(
    browser: Browser, chromium: webdriver.Chrome, live: FakeSlack
) -> None:
    """At 390 px nothing is cut off: long words, code and tables stay inside."""
    wide = "```\n" + "x" * 300 + "\n```\n| a | b |\n|---|---|\n| " + "y" * 200 + " | z |\n" + "w" * 200
    await client_of(live).chat_postMessage(
        channel=INCIDENTS, text="wide", blocks=[{"type": "markdown", "text": wide}, *BUTTONS]
    )
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    await browser.do(chromium.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", size)
    try:
        await browser.see("#list article", "z")
        assert await browser.run("return document.documentElement.scrollWidth") == 390
        assert await browser.run("const l = document.getElementById('list'); return l.scrollWidth - l.clientWidth") == 0
        await browser.click("#menu")
        await browser.see("#channels button", "payments")
    finally:
        await browser.do(chromium.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})


async def test_the_menu_of_a_message(browser: Browser, live: FakeSlack) -> None:
    """One's own message can be edited and deleted; every message can be handed to the app's shortcut; Escape closes."""
    app = AsyncApp(client=client_of(live))
    chosen: list[dict[str, Any]] = []

    @app.shortcut("ask_about_this")
    async def asked(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        chosen.append(body)
        live.wake()

    async with Connected(app, live):
        await browser.type("#composer-main", "it is <b>down</b>", Keys.ENTER)
        await browser.see("#list article", "it is <b>down</b>")
        await browser.run("document.querySelector('#list .tools summary').focus()")
        await browser.press(Keys.ENTER)
        await browser.see("#list .tools-menu button", "Ask about this")
        await browser.press(Keys.ESCAPE)
        await browser.gone("#list .tools-menu")
        await browser.run("document.querySelector('#list .tools summary').click()")
        await browser.click("#list .tools-menu button", "Ask about this")
        await live.until(lambda: chosen)
        assert chosen[0]["message"]["text"] == "it is &lt;b&gt;down&lt;/b&gt;"
        await browser.run("document.querySelector('#list .tools summary').click()")
        await browser.click("#list .tools-menu button", "Edit")
        assert await browser.run("return document.activeElement.value") == "it is <b>down</b>"
        await browser.press(" again")
        await browser.press(Keys.ENTER)
        await browser.see("#list article", "it is <b>down</b> again")
        await browser.see("#list .edited", "(edited)")
        await browser.run("document.querySelector('#list .tools summary').click()")
        await browser.click("#list .tools-menu button", "Delete")
        await live.until(lambda: not live.messages(INCIDENTS))
        await browser.gone("#list article")


async def test_the_home_tab_is_asked_for_when_it_is_opened(browser: Browser, live: FakeSlack) -> None:
    """The tab is beside the direct message; it is read from its top, and its buttons reach the app."""
    app = AsyncApp(client=client_of(live))
    pressed: list[str] = []
    lines = [{"type": "section", "text": {"type": "plain_text", "text": f"line {number}"}} for number in range(60)]

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        if event["tab"] == "home":
            await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [*BUTTONS[:1], *lines]})

    @app.action("go")
    async def went(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        pressed.append(body["container"]["type"])
        live.wake()

    async with Connected(app, live):
        await browser.click("#directs button", "copilot")
        await browser.click("#tabs button", "Home")
        await browser.see("#list .home", "line 1")
        assert await browser.run("return document.getElementById('list').scrollTop") == 0
        await browser.click("#list .home .button", "Go")
        await live.until(lambda: pressed)
        assert pressed == ["view"]
        await browser.click("#tabs button", "Messages")
        await browser.see("#composer-main")
