"""Keeps a running bot's documents level: watches the folders, and carries out what other processes ask for."""

import asyncio
from contextlib import suppress
from pathlib import Path

import structlog
from watchfiles import awatch

from bot.build.house import House
from bot.door.door import Check
from bot.requests import SyncRequest
from ingest.errors import IngestError
from ingest.index.roots import Outcome, Request, forget, sync_all

_log = structlog.get_logger(__name__)

LOOK_S = 0.5
"""How often sync requests of other processes are looked for."""

RESYNC_S = 600.0
"""How often folders are synced without having been told of a change: network mounts send no events."""

SETTLE_MS = 800
"""How long a folder must be quiet before it is read: editors and git write a file in several steps."""


class Follower:
    """Follows the folders of one house, one sync at a time. `run` never returns by itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._one_at_a_time = asyncio.Lock()
        self._changed = asyncio.Event()
        self._trouble: list[str] = []

    async def run(self) -> None:
        """Check Chroma, sync once, then follow changes and requests."""
        await self._house.index.start_chroma()
        await self.sync(self._house.request())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._requests())

    async def check(self) -> Check:
        """Say whether the documents are level with their folders."""
        if self._trouble:
            return Check(ok=False, detail=" ".join(self._trouble))
        counts = await self._house.library.counts()
        return Check(ok=bool(counts["chunks"]), detail=f"{counts['chunks']} passages")

    async def sync(self, request: Request) -> Outcome:
        """Level the folders of a request, and the index with them."""
        async with self._one_at_a_time:
            outcome = await sync_all(self._house.library, self._house.sync, request, _unseen)
            await self._house.index.follow()
        self._trouble = outcome.refused
        for reason in outcome.refused:
            _log.warning("sync_refused", reason=reason)
        if outcome.report.touched:
            done = outcome.report
            _log.info("synced", added=done.added, changed=done.changed, removed=done.removed)
        return outcome

    async def _watch(self) -> None:
        """Sync after every change. The watch begins before each sync, so that nothing saved meanwhile is missed."""
        while True:
            self._changed.clear()
            watching = asyncio.create_task(self._notice(await self._folders()))
            try:
                await self._level()
                await self._until_changed()
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _level(self) -> None:
        try:
            await self.sync(self._house.request())
        except IngestError as error:
            self._trouble = [str(error)]

    async def _notice(self, folders: list[Path]) -> None:
        if folders and self._house.settings.documents.watch:
            async for _changes in awatch(*folders, debounce=SETTLE_MS, step=SETTLE_MS // 4):
                self._changed.set()

    async def _until_changed(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RESYNC_S):
                await self._changed.wait()

    async def _folders(self) -> list[Path]:
        folders = [Path(root.location) for root in await self._house.library.roots()]
        return [folder for folder in folders if folder.is_dir()]

    async def _requests(self) -> None:
        while True:
            for request in await self._house.requests.waiting():
                await self._house.requests.report(request.id, await self._carried_out(request))
                self._changed.set()
            await asyncio.sleep(LOOK_S)

    async def _carried_out(self, request: SyncRequest) -> Outcome:
        try:
            if request.sync is not None:
                wanted = request.sync if request.sync.given else self._house.request(sure=request.sync.sure)
                return await self.sync(wanted)
            outcome = Outcome(roots=[str(request.forget)])
            async with self._one_at_a_time:
                outcome.report.removed = await forget(self._house.library, str(request.forget))
                await self._house.index.follow()
        except IngestError as error:
            return Outcome(refused=[str(error)])
        return outcome


def _unseen(_done: int, _total: int, _what: str) -> None:
    """Progress that nobody watches."""
