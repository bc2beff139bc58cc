"""What a call cost, to the cent and not beyond what is known."""

from typing import Any

import pytest

from bridge.history.prices import Price, Prices

SONNET = Price(3.0, 15.0, 0.3, 3.75, 6.0)
PLAIN = Price(2.0, 8.0)
PRICES = Prices((("claude-sonnet-*", SONNET), ("claude-*", PLAIN), ("free", Price(0.0, 0.0))))


def usage(**tokens: int) -> dict[str, Any]:
    return {f"{name}_tokens": 1000 * number for name, number in tokens.items()}


@pytest.mark.parametrize(
    "model, tokens, dollars",
    [
        pytest.param("claude-sonnet-5", usage(input=1000, output=100), 3 + 1.5, id="no cache"),
        pytest.param(
            "claude-sonnet-5",
            usage(input=1000, cache_read=900, cache_write=100),
            0.9 * 0.3 + 0.1 * 3.75,
            id="input includes what is cached",
        ),
        pytest.param(
            "claude-sonnet-5",
            usage(input=1000, cache_write=1000, cache_write_short=400, cache_write_long=600),
            0.4 * 3.75 + 0.6 * 6,
            id="an hour in the cache costs more than minutes",
        ),
        pytest.param(
            "claude-haiku",
            usage(input=1000, cache_read=500, cache_write=250, cache_write_long=100, output=0),
            2.0,
            id="without a price of its own the cache costs what other input does",
        ),
        pytest.param(
            "claude-haiku", usage(input=1, cache_read=1000), 2.0, id="counts that do not add up"
        ),
        pytest.param(
            "claude-sonnet-5",
            usage(cache_write=100, cache_write_long=900),
            0.6,
            id="no more for an hour than was written at all",
        ),
        pytest.param("free", usage(input=1000), 0.0, id="free is a price"),
        pytest.param("gpt", usage(input=1000), None, id="no price, no cost"),
        pytest.param("Claude-sonnet-5", usage(input=1000), None, id="another model by its case"),
        pytest.param("claude-sonnet-5", {}, None, id="no tokens, no cost"),
        pytest.param("claude-sonnet-5", {"input_tokens": None}, 0.0, id="counts that are unknown"),
    ],
)
def test_cost(model: str, tokens: dict[str, Any], dollars: float | None) -> None:
    assert PRICES.cost(tokens, model) == (None if dollars is None else pytest.approx(dollars))


def test_the_price_for_minutes_is_that_for_hours_where_none_is_given() -> None:
    price = Price(1.0, 0.0, cache_write=2.0)
    assert price.of(usage(input=1000, cache_write=1000, cache_write_long=500)) == 2.0


def test_there_are_no_prices_but_those_that_are_given() -> None:
    assert Prices().cost(usage(input=1000), "claude-sonnet-5") is None
