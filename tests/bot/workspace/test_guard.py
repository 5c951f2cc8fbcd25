"""Who is let in: the browser with the link, once; no stranger, no other page, no other name."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import aiohttp
import pytest

from tests.fakes.slack import INCIDENTS, FakeSlack


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """Give a browser that keeps cookies of 127.0.0.1."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def at(slack: FakeSlack, path: str = "/") -> str:
    """Give an address of the workspace."""
    return f"http://127.0.0.1:{slack.workspace.port}{path}"


async def status_of(call: Any) -> int:
    """Give the HTTP status of a request."""
    async with call as answer:
        await answer.read()
        return int(answer.status)


async def test_link_opens_the_page_once(slack: FakeSlack, browser: aiohttp.ClientSession) -> None:
    """The token buys one cookie; with it the page reloads, without it the same link shows how to get a new one."""
    async with browser.get(slack.url) as answer:
        page, cookie = await answer.text(), answer.headers["Set-Cookie"]
    assert "<main" in page
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert await status_of(browser.get(at(slack))) == 200
    async with aiohttp.ClientSession() as other, other.get(slack.url) as answer:
        assert answer.status == 403
        assert "copilot run" in await answer.text()


@pytest.mark.parametrize("token", ["", "?token=", "?token=guessed"])
async def test_wrong_token_opens_nothing(slack: FakeSlack, browser: aiohttp.ClientSession, token: str) -> None:
    """Without the token there is no page and no cookie, and the token stays usable."""
    assert await status_of(browser.get(at(slack) + token)) == 403
    assert len(browser.cookie_jar) == 0
    assert await status_of(browser.get(slack.url)) == 200


async def test_page_api_needs_the_cookie(slack: FakeSlack) -> None:
    """Neither the live stream nor a gesture is there for a stranger."""
    async with aiohttp.ClientSession() as stranger:
        assert await status_of(stranger.get(at(slack, "/page/events"))) == 403
        body = {"channel": INCIDENTS, "text": "hi"}
        assert await status_of(stranger.post(at(slack, "/page/message"), json=body)) == 403
    assert slack.messages(INCIDENTS) == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/auth.test", "/link", "/page/events", "/nowhere"])
async def test_other_names_are_refused(slack: FakeSlack, host: str, path: str) -> None:
    """A name that was made to point at us is not ours, wherever it knocks."""
    async with aiohttp.ClientSession() as session:
        assert await status_of(session.get(at(slack, path), headers={"Host": host})) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
async def test_other_origins_are_refused(slack: FakeSlack, browser: aiohttp.ClientSession, origin: str) -> None:
    """A page from elsewhere gets nothing, even with the cookie, even with the token."""
    await status_of(browser.get(slack.url))
    body = {"channel": INCIDENTS, "text": "hi"}
    headers = {"Origin": origin}
    assert await status_of(browser.post(at(slack, "/page/message"), json=body, headers=headers)) == 403
    bearer = headers | {"Authorization": f"Bearer {slack.bot_token}"}
    assert await status_of(browser.post(at(slack, "/api/auth.test"), headers=bearer)) == 403
    assert slack.messages(INCIDENTS) == []


async def test_gestures_are_json_from_our_page(slack: FakeSlack, browser: aiohttp.ClientSession) -> None:
    """A form that another page could send is refused; our page's own request does what it says."""
    await status_of(browser.get(slack.url))
    form = {"channel": INCIDENTS, "text": "hi"}
    assert await status_of(browser.post(at(slack, "/page/message"), data=form)) == 415
    crossing = {"Sec-Fetch-Site": "same-site"}
    assert await status_of(browser.post(at(slack, "/page/message"), json=form, headers=crossing)) == 403
    assert await status_of(browser.post(at(slack, "/page/message"), json=form)) == 200
    assert [m["text"] for m in slack.messages(INCIDENTS)] == ["hi"]


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/auth.test", "/nowhere"])
async def test_answers_carry_protection(slack: FakeSlack, path: str) -> None:
    """Every answer forbids other hosts, frames and guessing of types."""
    async with aiohttp.ClientSession() as session, session.get(at(slack, path)) as answer:
        headers = answer.headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")


@pytest.mark.parametrize("name", ["../page.py", "..%2Fpage.py", "%2e%2e%2fguard.py", "page.py", "nothing.js"])
async def test_only_files_of_the_page_are_served(slack: FakeSlack, name: str) -> None:
    """No name leads out of the folder."""
    async with aiohttp.ClientSession() as session:
        assert await status_of(session.get(at(slack, f"/static/{name}"))) in (403, 404)


async def test_files_name_no_other_host(slack: FakeSlack) -> None:
    """The page asks nobody but us for anything: no address in any of its files."""
    async with aiohttp.ClientSession() as session:
        for file in files("bot.workspace").joinpath("static").iterdir():
            async with session.get(at(slack, f"/static/{file.name}")) as answer:
                assert answer.status == 200
                text = (await answer.text()).replace("http://www.w3.org/2000/svg", "")  # a name, never fetched
                assert not re.search(r"(https?:)?//[a-z0-9]", text)
