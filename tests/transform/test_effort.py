import pytest

from bridge.transform.effort import ALIASES, BUDGETS, LEVELS, clamp, effort_of, effort_of_budget
from bridge.transform.model import Effort


def test_levels_go_from_the_lowest_to_the_highest() -> None:
    assert LEVELS == ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@pytest.mark.parametrize(
    "word, effort",
    [
        *(pytest.param(level, level, id=f"{level} is itself") for level in LEVELS),
        pytest.param("HIGH", "high", id="case does not count"),
        pytest.param("off", "none", id="off"),
        pytest.param("Ultra", "max", id="a word of another server"),
        pytest.param("very high", None, id="an unknown word"),
        pytest.param("", None, id="an empty word"),
        pytest.param(None, None, id="nothing"),
        pytest.param(3, None, id="a number"),
        pytest.param(["high"], None, id="a list"),
    ],
)
def test_effort_of(word: object, effort: Effort | None) -> None:
    assert effort_of(word) == effort


def test_aliases_are_no_levels_and_lead_to_levels() -> None:
    assert not set(ALIASES) & set(LEVELS)
    assert set(ALIASES.values()) <= set(LEVELS)


@pytest.mark.parametrize(
    "tokens, effort",
    [
        (1_024, "low"),
        (4_095, "low"),
        (4_096, "medium"),
        (16_383, "medium"),
        (16_384, "high"),
        (32_767, "high"),
        (32_768, "xhigh"),
        (1_000_000, "xhigh"),
    ],
)
def test_effort_of_budget(tokens: int, effort: Effort) -> None:
    assert effort_of_budget(tokens) == effort


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh"])
def test_a_budget_stands_for_the_effort_it_came_from(effort: Effort) -> None:
    assert effort_of_budget(BUDGETS[effort]) == effort


def test_every_level_of_thinking_has_a_budget_that_anthropic_takes() -> None:
    assert set(BUDGETS) == set(LEVELS) - {"none"}
    assert min(BUDGETS.values()) >= 1_024
    assert [BUDGETS[level] for level in LEVELS[1:]] == sorted(BUDGETS.values())


@pytest.mark.parametrize(
    "effort, levels, known",
    [
        *(pytest.param(level, LEVELS, level, id=f"{level} is known") for level in LEVELS),
        pytest.param("max", ("low", "medium", "high"), "high", id="the nearest lower one"),
        pytest.param("xhigh", ("low", "max"), "low", id="lower, not nearest"),
        pytest.param("minimal", ("low", "high"), "low", id="none is lower: the lowest there is"),
        pytest.param("minimal", ("none", "low"), "low", id="none is no thinking"),
        pytest.param("none", ("minimal", "low"), "minimal", id="not off: minimal"),
        pytest.param("none", ("low", "medium"), "low", id="not off: low"),
        pytest.param("high", ("high", "low"), "high", id="in any order"),
        pytest.param("max", ("high", "low"), "high", id="the nearest lower one in any order"),
        pytest.param("low", ("none",), None, id="cannot think"),
        pytest.param("low", (), None, id="has no levels"),
        pytest.param("none", (), None, id="has no levels to switch off"),
        pytest.param("none", ("none",), "none", id="can only be off"),
    ],
)
def test_clamp(effort: Effort, levels: tuple[str, ...], known: Effort | None) -> None:
    assert clamp(effort, levels) == known
