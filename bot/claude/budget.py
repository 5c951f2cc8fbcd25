"""What a call to Claude costs, from its tokens and a price. Pure; knows no API and keeps no account."""

from dataclasses import dataclass

from bot.settings import Price

CACHE_READ = 0.10
"""Price of a token read from the cache, as a share of a fresh one (facts/claude.md, November 2026)."""
CACHE_WRITE_5M = 1.25
"""The same for a token written to the cache for five minutes."""
CACHE_WRITE_1H = 2.00
"""The same for one written for an hour."""

TOKENS_PER_PRICE = 1_000_000
"""Prices are per million tokens."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `fresh` were read at full price; all four parts of the prompt exclude each other."""

    fresh: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    written: int = 0

    @property
    def read(self) -> int:
        """The whole prompt, in tokens."""
        return self.fresh + self.cache_read + self.cache_write_5m + self.cache_write_1h


def usd(usage: Usage, price: Price | None) -> float:
    """Return the cost in USD; 0.0 when nobody knows the price."""
    if price is None:
        return 0.0
    as_fresh = (
        usage.fresh
        + usage.cache_read * CACHE_READ
        + usage.cache_write_5m * CACHE_WRITE_5M
        + usage.cache_write_1h * CACHE_WRITE_1H
    )
    cost = (as_fresh * price.input_usd + usage.written * price.output_usd) / TOKENS_PER_PRICE
    is_long = price.long_prompt_tokens is not None and usage.read > price.long_prompt_tokens
    return cost * price.long_factor if is_long else cost
