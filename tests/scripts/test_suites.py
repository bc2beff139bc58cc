"""scripts/test: which tests run, and when the coverage floor holds, seen on a small project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.more

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import os, pytest
from bridge import circuit, health, outcomes, preference, routing, transform
from hypothesis import given, settings, strategies

def test_plain(): assert transform.sign(1) == 1
{rest}
@given(strategies.none())
def test_law(_): assert settings().max_examples == {examples}
@pytest.mark.more
def test_more(): ...
@pytest.mark.long
def test_long(): ...
@pytest.mark.faults
def test_faults(): ...
@pytest.mark.apps
def test_apps(): ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    (root / "bridge").mkdir(parents=True)
    (root / "tests").mkdir()
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("_*"))
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, root / name)
    env = f'ROOT="{root}" VENV="{sys.prefix}"; need() {{ [ "$1" = dev ]; }}'
    (root / "scripts" / "_env").write_text(env, encoding="utf-8")
    sign = "def sign(x):\n    if x > 0:\n        x = 1\n    return x\n"
    empty = ("__init__", "circuit", "health", "outcomes", "preference", "routing")
    for name, text in {**dict.fromkeys(empty, ""), "transform": sign}.items():
        (root / "bridge" / f"{name}.py").write_text(text, encoding="utf-8")
    return root


def run(root: Path, *arguments: str, examples: int = 30, rest: str = "") -> tuple[int, str]:
    text = TESTS.format(examples=examples, rest=rest)
    (root / "tests" / "test_small.py").write_text(text, encoding="utf-8")
    keep = {key: value for key, value in os.environ.items() if not key.startswith("LLM_BRIDGE")}
    done = subprocess.run(
        [root / "scripts" / "test", *arguments],
        env={**keep, "PYTEST_ADDOPTS": "-v"},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "arguments, examples, expected",
    [
        pytest.param(["tests"], 30, "plain law", id="plainly: all but the slow suites"),
        pytest.param(["--faults"], 30, "faults", id="one slow suite"),
        pytest.param(["--more", "-n", "2"], 30, "more", id="one that is slow but for two"),
        pytest.param(["--faults", "tests", "--apps"], 30, "faults apps", id="two slow suites"),
        pytest.param(["--long"], 2000, "law long", id="long: also every law, with more examples"),
        pytest.param(["-m", "apps"], 30, "apps", id="what is said to pytest"),
    ],
)
def test_a_call_runs(root: Path, arguments: list[str], examples: int, expected: str) -> None:
    code, said = run(root, *arguments, examples=examples)
    ran = [
        name
        for name in ("plain", "law", "more", "long", "faults", "apps")
        if f"test_{name} " in said
    ]
    assert " ".join(ran) == expected, said
    assert code == 0
    assert f"{len(ran)} passed" in said.splitlines()[-1]


def test_the_floor_holds_without_arguments(root: Path) -> None:
    code, said = run(root)
    assert code != 0
    assert "Required test coverage of 100% not reached" in said
    assert "2->4" in said  # the branch that no test takes, named
    assert "2 passed" in said.splitlines()[-1]


def test_full_coverage_is_enough(root: Path) -> None:
    code, said = run(root, rest="def test_rest(): assert transform.sign(-1) == -1")
    assert code == 0, said
    assert "3 passed" in said.splitlines()[-1]
