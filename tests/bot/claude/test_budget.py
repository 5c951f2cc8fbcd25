"""What a call costs, to the cent that Anthropic's price list says."""

import pytest

from bot.claude.budget import Usage, usd
from bot.settings import PRICES, Price

SONNET = PRICES["claude-sonnet-5-5"]
HAIKU = PRICES["claude-haiku-5-5"]
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("price", "usage", "cost"),
    [
        (SONNET, Usage(fresh=MILLION), 2.0),
        (SONNET, Usage(written=MILLION), 10.0),
        (SONNET, Usage(cache_read=MILLION), 0.2),
        (SONNET, Usage(cache_write_5m=MILLION), 2.5),
        (SONNET, Usage(cache_write_1h=MILLION), 4.0),
        (HAIKU, Usage(fresh=100_000, written=1_000), 0.0105),
        (HAIKU, Usage(fresh=100_001, written=1_000), 5 * (0.0100001 + 0.0005)),
        (HAIKU, Usage(fresh=60_000, cache_read=60_000), 5 * (0.006 + 0.0006)),
        (None, Usage(fresh=MILLION, written=MILLION), 0.0),
        (SONNET, Usage(), 0.0),
    ],
)
def test_a_call_costs_what_the_price_list_says(price: Price | None, usage: Usage, cost: float) -> None:
    """Input, output, cache parts and the long-prompt rule are each charged as listed; no price means 0."""
    assert usd(usage, price) == pytest.approx(cost)


def test_the_prompt_counts_cached_parts() -> None:
    """A cached token is still read: people see the whole prompt, not what was left to pay for."""
    assert Usage(fresh=1, cache_read=2, cache_write_5m=3, cache_write_1h=4, written=100).read == 10
