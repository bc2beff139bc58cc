"""What a call cost, by the prices in config.yaml.

In: token counts and the model that was used. Out: USD, or None. There are no built-in prices: a
table that is out of date would be a guess, and a model without a price costs nobody knows what.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..upstream import glob

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens.

    Cached input costs what other input does, unless it is said; and what is written for an hour or
    longer what is written for minutes.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_long: float | None = None

    def of(self, usage: Mapping[str, Any]) -> float:
        """`usage` as records have it: input includes what is cached."""
        given, made = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
        read, write = usage.get("cache_read_tokens") or 0, usage.get("cache_write_tokens") or 0
        long = min(write, usage.get("cache_write_long_tokens") or 0)
        dollars = (
            max(0, given - read - write) * self.input
            + read * _first(self.cache_read, self.input)
            + (write - long) * _first(self.cache_write, self.input)
            + long * _first(self.cache_write_long, self.cache_write, self.input)
            + made * self.output
        )
        return float(dollars / MILLION)


def _first(*prices: float | None) -> float:
    return next(price for price in prices if price is not None)


@dataclass(frozen=True, slots=True)
class Prices:
    """Wildcards over models; the first that fits has the price."""

    table: tuple[tuple[str, Price], ...] = ()

    def cost(self, usage: Mapping[str, Any], model: str) -> float | None:
        """In USD; None where the tokens are not known, or the price is not."""
        if not usage:
            return None
        found = (price for pattern, price in self.table if glob(pattern, model))
        price = next(found, None)
        return None if price is None else price.of(usage)
