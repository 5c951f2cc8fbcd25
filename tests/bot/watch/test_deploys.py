"""Deployments: kept once each, without secrets, matched by what services are called, shown by their stories' cards."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.watch import deploys
from bot.watch.catalogue import Catalogue, Service
from bot.watch.deploys import MOST, MOST_ID, MOST_NAME, Deploy, Deploys, is_link
from ingest.database import Database
from ingest.redact import redact
from tests.bot.watch.desk import MINUTE, NOON, Desk, report, row

SERVICES = (Service("checkout", ("checkout", "checkout-*", "kasse")), Service("search", ("search", "finder")))
DEPLOY = Deploy("d1", "checkout", "1.42", "ana", "https://ci.example/1", NOON)


@pytest.fixture
def desk(database: Database) -> Desk:
    """Give a board."""
    return Desk(database)


@pytest.fixture
def kept(desk: Desk) -> Deploys:
    """Give the deployments of its database: none yet."""
    return Deploys(desk.database, desk.board, Catalogue(SERVICES), redact)


async def test_a_deployment_is_kept_once(kept: Deploys) -> None:
    """By its id: who sends it again is told so, and what was kept stays as it is."""
    assert await kept.add(DEPLOY) is True
    assert await kept.add(replace(DEPLOY, version="1.43")) is False
    assert await kept.between(None, NOON - 1, NOON + 1) == [DEPLOY]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, ["kasse", "checkout-api", "finder", "cdn"]),
        ([], ["kasse", "checkout-api", "finder", "cdn"]),
        ("checkout", ["kasse", "checkout-api"]),
        (["checkout-worker", ""], ["kasse", "checkout-api"]),
        (["Search"], ["finder"]),
        (["CDN"], ["cdn"]),
        (["mail"], []),
    ],
)
async def test_services_are_matched_by_all_that_they_are_called(
    kept: Deploys, asked: str | Sequence[str] | None, found: list[str]
) -> None:
    """In the catalogue, else as they are written; without any, all are meant. The earliest comes first."""
    for number, name in enumerate(("kasse", "checkout-api", "finder", "cdn")):
        await kept.add(Deploy(name, name, "1", "", "", NOON + number))
    assert [each.service for each in await kept.between(asked, NOON, NOON + 60)] == found


async def test_both_ends_count_and_the_latest_are_told(kept: Deploys) -> None:
    """A chart has no room for thousands."""
    for number in range(MOST + 20):
        await kept.add(Deploy(f"d{number}", "cdn", f"{number}", "", "", NOON + number))
    assert [each.version for each in await kept.between("cdn", NOON + 3, NOON + 5)] == ["3", "4", "5"]
    told = await kept.between(None, NOON, NOON + 10_000)
    assert (len(told), told[0].version, told[-1].version) == (MOST, "20", f"{MOST + 19}")


async def test_what_is_kept_is_bounded_and_has_no_secrets(kept: Deploys) -> None:
    """One line each, in the width of its column; an id too long is known by its digest."""
    secret = "hunter" + "22"
    await kept.add(
        Deploy("i" * 5_000, f"check\nout\x1b[31m password={secret}", "v" * 999_999, "\u202eana", "javascript:x", NOON)
    )
    (found,) = await kept.between(None, NOON, NOON)
    assert len(found.id) == 64 <= MOST_ID
    assert found.service.startswith("check out [31m password=[secret:password#")
    assert (found.version, found.who, found.link) == ("v" * MOST_NAME, "ana", "")
    assert secret not in str(found)


async def test_an_open_story_of_the_service_shows_it(desk: Desk, kept: Deploys) -> None:
    """Its message is edited, and that of the group that tells it; no other one is, and not when it is sent again."""
    await desk.with_(row(inside="group:C0SHOP:2026-11-18T12"), report())
    await desk.with_(row(key="group:C0SHOP:2026-11-18T12", kind="group", service="", fingerprint="g"))
    await desk.with_(row(key="story:shop:13", service="search", fingerprint="s"), report(id=13))
    await desk.with_(row(key="story:shop:11", ended=NOON, fingerprint="e"), report(id=11))
    for _ in range(2):
        await kept.add(replace(DEPLOY, service="checkout-api"))
    keys = ("story:shop:12", "group:C0SHOP:2026-11-18T12", "story:shop:13", "story:shop:11")
    assert [(await desk.row(key)).wanted for key in keys] == [2, 2, 1, 1]


async def test_an_open_alert_of_the_service_shows_it(desk: Desk, kept: Deploys) -> None:
    """As a story does: its card told of deployments, but one that came after it was never seen there."""
    await desk.with_(row(key="alert:grafana:f:1", kind="alert"))
    await kept.add(DEPLOY)
    assert (await desk.row("alert:grafana:f:1")).wanted == 2


@pytest.mark.parametrize("who", ["deploy", "press"])
async def test_who_changes_several_cards_waits_while_a_scan_does(desk: Desk, kept: Deploys, who: str) -> None:
    """Or two of them wait for each other's cards, and Postgres ends one: the deployment would be lost."""
    if desk.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    group = "group:C0SHOP:2026-11-18T12"
    await desk.with_(row(key=group, kind="group", service="", fingerprint="g"))
    await desk.with_(row(inside=group), report())
    async with desk.database.write() as connection:
        await desk.board.turn(connection)
        await desk.board.change(connection, group)
        work = kept.add(DEPLOY) if who == "deploy" else desk.presses.acknowledge("story:shop:12", "U1", desk.now)
        other = asyncio.create_task(work)
        while not await desk.waiting():  # noqa: ASYNC110 - a lock tells nobody
            await asyncio.sleep(0.01)
        await desk.board.change(connection, "story:shop:12")
    await other
    assert (await desk.row()).wanted == 3


async def test_a_deployment_long_before_a_story_changes_no_card(desk: Desk, kept: Deploys) -> None:
    """Nobody would see anything new."""
    await desk.with_(row(), report())
    await kept.add(replace(DEPLOY, at=row().opened - deploys.BEFORE_S - MINUTE))
    assert (await desk.row()).wanted == 1


async def test_old_ones_are_deleted(desk: Desk, kept: Deploys) -> None:
    """As the journal's days say."""
    await kept.add(DEPLOY)
    await kept.add(replace(DEPLOY, id="d2", at=NOON + 60))
    await kept.expire(NOON + 60)
    assert [each.id for each in await kept.between(None, 0, NOON + 60)] == ["d2"]


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("https://ci.example/runs/1?x=1#log", True),
        ("http://ci:8080/1", True),
        ("", False),
        ("ci.example/1", False),
        ("javascript:alert(1)", False),
        ("ftp://ci.example/1", False),
        ("https://", False),
        ("https://user:pass@ci.example/1", False),
        ("https://ci.example/1|<!channel>", False),
        ("https://ci.example/a b", False),
        ("https://ci.example/\u202e1", False),
        ("https://[::1", False),
        ("https://ci.example/" + "a" * 3_000, False),
    ],
)
def test_a_link_is_one_web_address(text: str, ok: bool) -> None:  # noqa: FBT001
    """Nothing else is kept as one."""
    assert is_link(text) is ok
