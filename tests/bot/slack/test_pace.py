"""Turns to post, by a time that the test gives."""

from bot.slack.pace import Pace, Pacer


class Time:
    """A time that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += seconds


async def test_a_burst_goes_at_once_then_one_a_second() -> None:
    """The first few posts of a quiet channel go at once, the others a second apart."""
    time, times = Time(), []
    pacer = Pacer(Pace(per_second=1.0, burst=3), time, time.sleep)
    for _ in range(6):
        await pacer.turn("C1")
        times.append(time.now)
    assert times == [100.0, 100.0, 100.0, 101.0, 102.0, 103.0]


async def test_after_a_rest_a_burst_may_come_again() -> None:
    """A channel that was quiet long enough has its burst back, and no more than that."""
    time = Time()
    pacer = Pacer(Pace(per_second=1.0, burst=2), time, time.sleep)
    for _ in range(2):
        await pacer.turn("C1")
    time.now += 1000
    for _ in range(2):
        await pacer.turn("C1")
    assert time.now == 1100.0
    assert pacer.wait_s("C1") == 1.0


async def test_a_pause_is_kept_to_the_second_and_for_its_channel_alone() -> None:
    """A paused channel opens exactly when it may; a shorter pause does not open it earlier."""
    time = Time()
    pacer = Pacer(Pace(), time, time.sleep)
    pacer.pause("C1", 30.0)
    pacer.pause("C1", 5.0)
    await pacer.turn("C2")
    assert time.now == 100.0
    await pacer.turn("C1")
    assert time.now == 130.0
