"""scripts/bench: the judgement and the table by hand-made samples, and one small real run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from bridge.simulator import running
from scripts._bench import __main__ as bench
from scripts._bench import bodies
from scripts._bench.results import Bar, Result, growth, low, tables
from scripts._bench.rows import ROWS, Row, prove
from scripts._bench.targets import Target
from scripts._processes import Failed

pytestmark = pytest.mark.more

ROOT = Path(bench.__file__).resolve().parents[2]


# --- judgement


@pytest.mark.parametrize(
    "samples, expected",
    [
        pytest.param([3.0], 3.0, id="the only one"),
        pytest.param([5.0, 2.0, 9.0], 2.0, id="of few, the lowest"),
        pytest.param([float(n) for n in range(20, 0, -1)], 3.0, id="of many, not the luckiest"),
    ],
)
def test_low_samples_tell(samples: list[float], expected: float) -> None:
    assert low(samples) == expected


@pytest.mark.parametrize(
    "bar, plain, bridge, distance, ok",
    [
        pytest.param(Bar("x", 1.3), [2.0], [2.6], 1.3, True, id="just within a ratio"),
        pytest.param(Bar("x", 1.3), [2.0], [2.8], 1.4, False, id="beyond a ratio"),
        pytest.param(Bar("x", 1.3), [2.0], [1.0], 0.5, True, id="less than the plain proxy"),
        pytest.param(Bar("+", 20), [80.0], [100.0], 20.0, True, id="just within a difference"),
        pytest.param(Bar("+", 20), [80.0], [101.0], 21.0, False, id="beyond a difference"),
        pytest.param(Bar("x", 2), [9.0, 2.0], [3.0, 8.0], 1.5, True, id="by the low samples"),
    ],
)
def test_a_bar(
    bar: Bar, plain: list[float], bridge: list[float], distance: float, ok: bool
) -> None:
    result = Result("row", "ms", bar, {"direct": [1.0], "plain": plain, "bridge": bridge})
    assert result.distance == pytest.approx(distance)
    assert result.ok is ok


def test_a_second_look_adds_its_samples() -> None:
    first = Result("row", "ms", Bar("x", 1.3), {"plain": [2.0], "bridge": [2.8]})
    again = Result("row", "ms", Bar("x", 1.3), {"plain": [2.1], "bridge": [2.5]})
    assert first.joined(again).samples == {"plain": [2.0, 2.1], "bridge": [2.8, 2.5]}
    assert first.joined(again).ok and not first.ok


@pytest.mark.parametrize(
    "steps, expected",
    [
        pytest.param([2.0] * 100, 1.0, id="each event costs the same"),
        pytest.param([9.0 if n % 5 == 0 else 2.0 for n in range(100)], 1.0, id="but for bursts"),
        pytest.param([1.0] * 80 + [3.0] * 20, 3.0, id="late ones cost more"),
    ],
)
def test_growth_compares_the_last_fifth_with_the_first(steps: list[float], expected: float) -> None:
    marks = [sum(steps[:n]) for n in range(len(steps) + 1)]
    assert growth(marks) == pytest.approx(expected)


def test_what_a_twin_is_away_is_noise_whichever_is_the_slower() -> None:
    times, more = Bar("x", 1.3), Bar("+", 20)
    slower = {"twin": [2.2], "redirect": [2.0], "bridge": [2.5]}
    faster = {"twin": [2.0], "redirect": [2.2], "bridge": [2.5]}
    for samples in (slower, faster):
        assert Result("row", "ms", times, samples).noise == pytest.approx(1.1)
        assert Result("row", "ms", more, samples).noise == pytest.approx(0.2)
    assert Result("row", "ms", times, faster).distance == pytest.approx(2.5 / 2.2)
    assert Result("row", "ms", times, {"plain": [2.0], "bridge": [2.5]}).noise is None


def test_the_table() -> None:
    small = {"direct": [0.301], "plain": [2.0], "bridge": [2.5]}
    rest = {"direct": [26.0, 28.0], "plain": [77.0, 79.0], "bridge": [99.0, 101.0]}
    shown = tables(
        [
            Result("small request", "ms", Bar("x", 1.3), small),
            Result("memory at rest", "MB", Bar("+", 20), rest, median),
        ]
    )
    assert shown == (
        "row             unit  direct  plain  bridge  to plain       bar\n"
        "small request   ms      0.30   2.00    2.50    x 1.25    x 1.30  ok\n"
        "memory at rest  MB     27.00  78.00  100.00  +22.0 MB  +20.0 MB  BROKEN"
    )


def test_rows_with_other_targets_have_a_table_of_their_own() -> None:
    plain = {"direct": [1.0], "plain": [2.0], "bridge": [2.5]}
    beside = {"twin": [2.0], "redirect": [2.1], "bridge": [2.1]}
    shown = tables(
        [
            Result("small", "ms", Bar("x", 1.3), plain),
            Result("idle", "ms", Bar("x", 1.1), beside),
        ]
    )
    assert shown == (
        "row    unit  direct  plain  bridge  to plain     bar\n"
        "small  ms      1.00   2.00    2.50    x 1.25  x 1.30  ok\n"
        "\n"
        "row   unit  twin  redirect  bridge   noise  to redirect     bar\n"
        "idle  ms    2.00      2.10    2.10  x 1.05       x 1.00  x 1.10  ok"
    )


# --- rows and rounds


class Turns:
    """A load that only remembers who had it."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def sample(self, target: Target) -> float:
        self.names.append(target.name)
        return float(len(self.names))


def test_the_targets_take_turns_each_round_another_one_first() -> None:
    turns = Turns()
    targets = {name: Target(name, 0, 0) for name in ("direct", "plain", "bridge")}
    result = bench.measure(Row("r", "ms", Bar("x", 1), turns), targets, 3)
    assert " ".join(turns.names) == ("direct plain bridge plain bridge direct bridge direct plain")
    assert result.samples == {"direct": [1, 6, 8], "plain": [2, 4, 9], "bridge": [3, 5, 7]}


def test_a_row_says_which_targets_take_turns() -> None:
    turns = Turns()
    targets = {name: Target(name, 0, 0) for name in ("twin", "redirect", "bridge")}
    row = Row("r", "ms", Bar("x", 1), turns, targets=tuple(targets))
    assert list(bench.measure(row, targets, 2).samples) == ["twin", "redirect", "bridge"]
    assert " ".join(turns.names) == "twin redirect bridge redirect bridge twin"


@pytest.mark.parametrize("rounds, expected", [(1, 1), (3, 1), (10, 2), (80, 16)])
def test_a_rough_run_has_a_fifth_of_the_rounds(rounds: int, expected: int) -> None:
    assert bench.quick(rounds) == expected


@pytest.mark.parametrize(
    "word, count",
    [("", len(ROWS)), ("SMALL", 5), ("event,", 3), ("burst", 1), ("memory", 2), ("not ours", 1)],
)
def test_rows_are_chosen_by_a_word(word: str, count: int) -> None:
    assert len(bench.chosen(word)) == count


def test_the_agent_request_is_what_it_is_said_to_be() -> None:
    body = bodies.agent("m")
    request = json.loads(body)
    shape = len(body), len(request["messages"]), len(request["tools"])
    assert shape == (390_000, 120, 30)
    assert bodies.agent("m") == body


@pytest.mark.parametrize("name", ["bridge", "redirect"])
def test_a_proxy_that_hands_calls_on_as_they_are_is_not_measured(name: str) -> None:
    with running() as simulator:
        port = int(simulator.url.rpartition(":")[2])
        targets = {of: Target(of, 0, port) for of in ("direct", name)}
        with pytest.raises(Failed, match=f"through the {name} went to .*/v1/messages"):
            prove(targets)


# --- the script


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose .venv is the one that runs the tests; the addon is the real one."""
    root = tmp_path / "a project"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    env = f'ROOT="{root}" VENV="{sys.prefix}"; need() {{ [ "$1" = runtime ]; }}'
    (root / "scripts" / "_env").write_text(env, encoding="utf-8")
    (root / "bridge").symlink_to(ROOT / "bridge")
    (root / "addon.py").symlink_to(ROOT / "addon.py")
    return root


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "scripts" / "bench", *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_word_that_no_row_has_is_answered_with_the_rows(root: Path) -> None:
    done = run(root, "--only", "nothing like it")
    assert done.returncode == 1
    assert "no row has 'nothing like it' in its name: memory at rest; " in done.stderr


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads Linux's /proc")


@linux
def test_a_real_run_prints_its_row_and_keeps_the_bar(root: Path) -> None:
    done = run(root, "--quick", "--check", "--only", "at rest")
    assert done.returncode == 0, done.stdout + done.stderr
    *_, header, row = done.stdout.splitlines()
    assert header.split() == "row unit direct plain bridge to plain bar".split()
    assert row.startswith("memory at rest  MB") and row.endswith("+20.0 MB  ok")
    direct, plain, bridged = map(float, row.split()[4:7])
    assert 5 < direct < plain < bridged


@linux
def test_a_real_run_sets_the_idle_bridge_beside_two_redirects(root: Path) -> None:
    done = run(root, "--quick", "--only", "healthy primary, small, clock")
    assert done.returncode == 0, done.stdout + done.stderr
    *_, header, row = done.stdout.splitlines()
    assert header.split() == "row unit twin redirect bridge noise to redirect bar".split()
    assert all(300 < float(value) < 600 for value in row.split()[5:8])


@linux
def test_a_profile_names_functions_of_the_bridge(root: Path) -> None:
    done = run(root, "--profile", "not ours")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ordered by: internal time" in done.stdout
    assert "addon.py" in done.stdout and "(requestheaders)" in done.stdout
