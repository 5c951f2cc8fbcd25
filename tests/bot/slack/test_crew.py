"""Tasks that nobody forgets, and fair turns."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.slack.crew import AHEAD, Crew, Desk


def job(
    done: list[str], name: str, gate: asyncio.Event | None = None
) -> Callable[[Callable[[], None]], Awaitable[None]]:
    """Return a job that writes its name down."""

    async def work(_leave: Callable[[], None]) -> None:
        done.append(name)
        if gate is not None:
            await gate.wait()

    return work


async def test_people_take_turns() -> None:
    """One place: after each job of one person comes the next person's."""
    crew, done, gate = Crew(lambda _: None), list[str](), asyncio.Event()
    desk = Desk(crew, 1)
    for name in ("a1", "a2", "a3", "b1", "c1"):
        desk.put((name[0], "C1"), name, job(done, name, gate))
    assert (desk.working, desk.waiting) == (1, 4)
    gate.set()
    await crew.drain(5.0)
    assert done == ["a1", "a2", "b1", "c1", "a3"]


async def test_nobody_has_all_the_places() -> None:
    """One place is left for whoever comes next, however much somebody asks."""
    crew, done, gate = Crew(lambda _: None), list[str](), asyncio.Event()
    desk = Desk(crew, 3)
    for number in range(5):
        desk.put(("a", "C1"), f"a{number}", job(done, f"a{number}", gate))
    assert (desk.working, desk.waiting) == (2, 3)
    desk.put(("b", "C1"), "b", job(done, "b", gate))
    assert (desk.working, desk.waiting) == (3, 3)
    gate.set()
    await crew.drain(5.0)
    assert done[:3] == ["a0", "a1", "b"]


async def test_who_has_much_to_be_posted_is_worked_for_elsewhere_only() -> None:
    """Answers that wait for a channel hold back the same person's next ones there, and nothing else."""
    crew, done, gate = Crew(lambda _: None), list[str](), asyncio.Event()
    desk = Desk(crew, 4)

    async def posts(leave: Callable[[], None]) -> None:
        done.append("posts")
        leave()
        await gate.wait()

    for _ in range(AHEAD + 2):
        desk.put(("a", "C1"), "posts", posts)
    desk.put(("a", "C2"), "elsewhere", job(done, "elsewhere"))
    desk.put(("b", "C1"), "another", job(done, "another"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (done.count("posts"), desk.waiting) == (AHEAD, 2)
    assert {"elsewhere", "another"} <= set(done)
    gate.set()
    await crew.drain(5.0)
    assert (done.count("posts"), desk.waiting, desk.working) == (AHEAD + 2, 0, 0)


async def test_who_leaves_the_desk_makes_room() -> None:
    """A job that only posts any more holds no place."""
    crew, done, gate = Crew(lambda _: None), list[str](), asyncio.Event()
    desk = Desk(crew, 1)

    async def posts(leave: Callable[[], None]) -> None:
        leave()
        leave()
        await gate.wait()

    desk.put(("a", "C1"), "posts", posts)
    desk.put(("b", "C1"), "b1", job(done, "b1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == ["b1"]
    gate.set()
    await crew.drain(5.0)
    assert desk.working == 0


async def test_a_failed_task_is_counted_and_frees_its_place() -> None:
    """An error in a task is a fault with a name, and the next job begins."""
    faults, done = list[str](), list[str]()
    crew = Crew(faults.append)
    desk = Desk(crew, 1)

    async def breaks(_leave: Callable[[], None]) -> None:
        raise ValueError

    desk.put(("a", "C1"), "breaks", breaks)
    desk.put(("a", "C1"), "a2", job(done, "a2"))
    await crew.drain(5.0)
    assert (faults, done) == (["task_failed"], ["a2"])


async def test_the_deadline_cuts_what_takes_too_long() -> None:
    """Draining ends at its deadline, and no task is left behind."""
    crew = Crew(lambda _: None)
    crew.start(asyncio.Event().wait(), name="for ever")  # type: ignore[arg-type]
    await crew.drain(0.0)
    assert len(crew) == 0
