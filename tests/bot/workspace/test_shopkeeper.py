"""The demo's shop through the days: its history, its log files, what breaks, restarts; and its part of the page."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.workspace import LARKFIELD, Refused, Shopkeeper, Workspace
from bot.workspace.errors import Occupied
from bot.workspace.services import FAULTS, INCIDENTS, STREAMS
from bot.workspace.shopkeeper import BETWEEN_S, FIRST_S, HISTORY_S
from tests.bot.workspace.conftest import Clock

HOUR_S = 3_600.0


@pytest.fixture
def shop(tmp_path: Path, clock: Clock) -> Shopkeeper:
    """Give a shop that is closed, with an hour of history to write."""
    return shop_in(tmp_path, clock)


def shop_in(folder: Path, clock: Clock) -> Shopkeeper:
    """Return the shop of a folder; its history is short."""
    return Shopkeeper(folder / "shop", clock, history_s=HOUR_S, channel="C0INCIDENTS")


def lines_in(folder: Path, stream: str) -> list[str]:
    """Return what a stream has written, oldest first."""
    files = sorted((folder / "shop").glob(f"{stream}-*.log"))
    return [line for file in files for line in file.read_text().splitlines()]


async def wait(shop: Shopkeeper, clock: Clock, seconds: float, step: float = 10.0) -> None:
    """Let time pass in steps."""
    for _ in range(round(seconds / step)):
        clock.now += step
        await shop.tick()


async def test_the_first_start_writes_the_history_of_every_stream(tmp_path: Path, clock: Clock) -> None:
    """Two days of it, in the order of the times, up to now."""
    shop = Shopkeeper(tmp_path / "shop", clock)
    await shop.open()
    for stream in STREAMS:
        lines = lines_in(tmp_path, stream)
        assert len(lines) > 5_000
        stamps = [line.partition(" ")[0] for line in lines]
        assert stamps == sorted(stamps)
    assert HISTORY_S == 2 * 24 * HOUR_S
    assert lines_in(tmp_path, "checkout")[0] < "2026-11-16T11:10"


async def test_files_are_there_before_their_lines(tmp_path: Path, shop: Shopkeeper) -> None:
    """Whoever reads the logs finds them, empty: no source is down while the history is written."""
    shop.prepare()
    assert {file.name.rpartition("-2026")[0] for file in (tmp_path / "shop").iterdir()} == set(STREAMS)
    assert all(lines_in(tmp_path, stream) == [] for stream in STREAMS)


async def test_what_is_written_does_not_depend_on_when(tmp_path: Path, clock: Clock) -> None:
    """Second by second or at once: the same lines, each once."""
    for name in ("often", "seldom"):
        clock.now = 1_795_000_000.0
        shop = shop_in(tmp_path / name, clock)
        await shop.open()
        await wait(shop, clock, 90.0, step=0.5 if name == "often" else 45.0)
    for stream in STREAMS:
        assert lines_in(tmp_path / "often", stream) == lines_in(tmp_path / "seldom", stream)


async def test_a_restart_goes_on_where_the_log_ends(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """What the shop would have said meanwhile is written, calm, and nothing twice."""
    await shop.open()
    clock.now += 20 * 60.0
    await shop_in(tmp_path, clock).open()
    whole = shop_in(tmp_path / "whole", clock)
    await whole.open()
    for stream in STREAMS:
        lines = lines_in(tmp_path, stream)
        assert len(set(lines)) == len(lines)
        assert lines[-10:] == lines_in(tmp_path / "whole", stream)[-10:]


async def test_after_weeks_only_the_history_is_written(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """And what is older than it is deleted: the folder stays small."""
    await shop.open()
    clock.now += 14 * 24 * HOUR_S
    await shop_in(tmp_path, clock).open()
    begin = lines_in(tmp_path, "checkout")[0]
    assert begin > "2026-12-02T09:26"


async def test_days_pass_and_the_folder_stays_small(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """No file is kept whose lines are all older than the history."""
    await shop.open()
    await wait(shop, clock, 24 * HOUR_S, step=HOUR_S)
    assert len(list((tmp_path / "shop").glob("checkout-*.log"))) <= 2


async def test_half_a_line_is_taken_away(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """A kill may leave one; the line is written whole."""
    await shop.open()
    before = lines_in(tmp_path, "checkout")
    file = max((tmp_path / "shop").glob("checkout-*.log"))
    file.write_bytes(file.read_bytes()[:-40])
    await shop_in(tmp_path, clock).open()
    assert lines_in(tmp_path, "checkout") == before


async def test_a_strange_end_of_the_log_starts_the_history_anew(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """What others have written there is left alone."""
    shop.prepare()
    file = next((tmp_path / "shop").glob("checkout-*.log"))
    file.write_text("hello\n")
    await shop.open()
    assert len(lines_in(tmp_path, "checkout")) > 100


async def test_what_is_broken_is_in_the_log_until_it_mends_itself(
    tmp_path: Path, clock: Clock, shop: Shopkeeper
) -> None:
    """For three and a half minutes."""
    await shop.open()
    await shop.break_it("gateway")
    await wait(shop, clock, 200.0)
    assert shop.status["broken"]["since"] == clock.now - 200.0
    assert sum("timed out at gateway" in line for line in lines_in(tmp_path, "payments")) > 20
    await wait(shop, clock, 20.0)
    assert shop.status["broken"] is None
    assert shop.status["mended"]["name"] == "gateway"
    count = sum("timed out at gateway" in line for line in lines_in(tmp_path, "payments"))
    await wait(shop, clock, 60.0)
    assert sum("timed out at gateway" in line for line in lines_in(tmp_path, "payments")) <= count + 1


async def test_one_thing_is_broken_at_a_time(clock: Clock, shop: Shopkeeper) -> None:
    """What else is asked for is refused in a sentence; afterwards it can be."""
    await shop.open()
    await shop.break_it("pool")
    with pytest.raises(Occupied, match="broken already"):
        await shop.break_it("slow")
    await wait(shop, clock, 300.0)
    await shop.break_it("slow")
    assert shop.status["broken"]["told"].startswith("Queries of the search")


async def test_what_broke_before_is_said(clock: Clock, shop: Shopkeeper) -> None:
    """Its story is the same matter, whose message is there already."""
    await shop.open()
    first = clock.now
    await shop.break_it("pool")
    assert shop.status["broken"]["before"] is None
    await wait(shop, clock, 300.0)
    await shop.break_it("pool")
    assert shop.status["broken"]["before"] == first


async def test_nothing_can_be_broken_before_the_shop_is_open(shop: Shopkeeper) -> None:
    """The history comes first; how far it is can be seen."""
    seen: list[float | None] = []
    shop.listen(lambda: seen.append(shop.status["opening"]))
    with pytest.raises(Occupied, match="still opening"):
        await shop.break_it("pool")
    await shop.open()
    assert seen == [*((n + 1) / len(STREAMS) for n in range(len(STREAMS))), None]


async def test_what_is_not_known_cannot_be_broken(shop: Shopkeeper) -> None:
    """Neither what breaks by itself."""
    await shop.open()
    for name in ("", "nothing", INCIDENTS[0].name):
        with pytest.raises(Refused):
            await shop.break_it(name)


async def test_something_breaks_by_itself_every_few_minutes(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """The first soon, then one after the other, in turn; people are told by the log alone."""
    await shop.open()
    begin, starts = clock.now, []
    for _ in range(360):
        before = shop.broken
        await wait(shop, clock, 10.0)
        starts += [(each.since - begin, each.fault.name) for each in shop.broken if each not in before]
        assert shop.status["broken"] is None
    times, names = zip(*starts, strict=True)
    assert FIRST_S[0] <= times[0] <= FIRST_S[1] + 10.0
    assert all(BETWEEN_S[0] <= later - earlier <= BETWEEN_S[1] + 10.0 for earlier, later in pairwise(times))
    order = [fault.name for fault in INCIDENTS]
    at = order.index(names[0])
    assert list(names) == [order[(at + n) % len(order)] for n in range(len(names))]


async def test_nothing_breaks_by_itself_while_a_person_has_broken_something(clock: Clock, shop: Shopkeeper) -> None:
    """And a minute longer: one thing at a time."""
    await shop.open()
    await shop.break_it("silent")
    for _ in range(30):
        await wait(shop, clock, 10.0)
        assert [each.fault.name for each in shop.broken] in (["silent"], [])
    await wait(shop, clock, 60.0)
    assert [each.fault.stream for each in shop.broken] != []


async def test_a_crash_is_a_deployment(clock: Clock, shop: Shopkeeper) -> None:
    """Whoever keeps deployments hears of it at once; of no other fault."""
    deployed: list[tuple[str, str, float]] = []

    async def keep(service: str, version: str, at: float) -> None:
        deployed.append((service, version, at))

    shop.tell_deploys(keep)
    await shop.open()
    at = clock.now
    for fault in FAULTS:
        await shop.break_it(fault.name)
        await wait(shop, clock, 300.0)
    assert deployed == [("catalog", "2.32.0", at + 4 * 300.0)]


async def test_a_clock_that_is_set_back_writes_nothing_twice(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """Until it is where it was."""
    await shop.open()
    before = lines_in(tmp_path, "checkout")
    clock.now -= 600.0
    await wait(shop, clock, 600.0, step=60.0)
    assert lines_in(tmp_path, "checkout") == before


# The page


class Browser:
    """A browser that has opened the page."""

    def __init__(self, session: aiohttp.ClientSession, workspace: Workspace) -> None:
        self._session = session
        self._base = workspace.url.partition("?")[0]

    async def breaks(self, **body: str) -> dict[str, Any]:
        """Press an entry of the menu; return the answer."""
        async with self._session.post(f"{self._base}page/break", json=body) as answer:
            shown: dict[str, Any] = await answer.json() if answer.ok else {"status": answer.status}
            return shown


@pytest.fixture
async def browser(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> AsyncIterator[Browser]:
    """Give the page of a workspace with a shop, admitted."""
    async with (
        Workspace(tmp_path / "workspace", 0, clock, shop=shop) as workspace,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        async with session.get(workspace.url) as answer:
            assert answer.ok
        yield Browser(session, workspace)


async def test_the_page_breaks_something(browser: Browser, shop: Shopkeeper) -> None:
    """By its name; a second thing is refused in words."""
    await shop.open()
    assert await browser.breaks(fault="crash") == {"ok": True}
    assert shop.status["broken"]["name"] == "crash"
    assert await browser.breaks(fault="pool") == {
        "ok": False,
        "error": "Something is broken already: it mends itself within a few minutes.",
    }


async def test_the_page_cannot_break_what_is_not_known(browser: Browser, shop: Shopkeeper) -> None:
    """Nor nothing."""
    await shop.open()
    assert (await browser.breaks(fault="nothing"))["ok"] is False
    assert (await browser.breaks())["ok"] is False


async def test_strangers_break_nothing(browser: Browser, shop: Shopkeeper) -> None:
    """Only the browser that opened the link may."""
    await shop.open()
    browser._session.cookie_jar.clear()
    assert await browser.breaks(fault="crash") == {"status": 403}
    assert shop.status["broken"] is None


async def test_without_a_shop_there_is_nothing_to_break(tmp_path: Path, clock: Clock) -> None:
    """As with log sources of one's own."""
    async with (
        Workspace(tmp_path / "workspace", 0, clock, seed=LARKFIELD) as workspace,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        async with session.get(workspace.url) as answer:
            assert answer.ok
        assert await Browser(session, workspace).breaks(fault="crash") == {"status": 404}


async def test_the_page_is_told_of_the_shop(tmp_path: Path, clock: Clock, shop: Shopkeeper) -> None:
    """Each time that something changes in it, and not every second."""
    async with Workspace(tmp_path / "workspace", 0, clock, shop=shop) as workspace:
        await shop.open()
        told: list[dict[str, Any]] = []
        workspace.state.listen(told.append)
        await shop.break_it("pool")
        await wait(shop, clock, 300.0, step=1.0)
    assert [each["kind"] for each in told] == ["shop", "shop"]
    assert [each["shop"]["broken"] is None for each in told] == [False, True]
    assert told[0]["shop"]["channel"] == "C0INCIDENTS"


async def test_a_full_disk_is_said_and_outlived(tmp_path: Path, clock: Clock) -> None:
    """The folder cannot be made: people read why; when it can be, the shop opens."""
    blocked = tmp_path / "shop"
    blocked.write_text("a file where the folder should be")
    shop = shop_in(tmp_path, clock)
    shop.prepare()
    await shop.work()
    assert shop.status["trouble"] == "File exists"
    blocked.unlink()
    await shop.work()
    assert shop.status["trouble"] == ""
    assert len(lines_in(tmp_path, "checkout")) > 100
