"""scripts/losses: README.md has what the translator gives, and no code is without a specimen."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.transform import CODES, PROTOCOLS, Protocol, TransformError
from bridge.transform.notes import ERRORS
from scripts._losses import answers, messages, report
from scripts._losses.specimen import Answer, Outcome, Specimen, received, sent

ROOT = Path(report.__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


@cache
def rows() -> tuple[report.Row, ...]:
    return tuple(report.rows())


def outcomes() -> list[Outcome]:
    return [o for row in rows() for o in (*row.outcomes.values(), *row.elsewhere.values())]


def test_the_readme_has_the_tables_as_the_translator_makes_them() -> None:
    assert README == report.placed(README), "./scripts/losses --write brings README.md up to date"


def test_every_code_has_a_specimen() -> None:
    """Also those that only answers bring about; one is of the bridge, which asked twice."""
    seen = {code for outcome in outcomes() for code in outcome.all}
    refused = {outcome.refused for outcome in outcomes()} - {""}
    assert seen == set(CODES) - {"request_repaired"}
    assert refused == ERRORS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_specimen_goes_to_both_other_protocols(protocol: Protocol) -> None:
    asked = list(report.requests(protocol))
    told = list(report.answers(protocol))
    assert len(asked) > 50 and len(told) > 10
    assert all({*row.outcomes, protocol} == {*PROTOCOLS} for row in asked)
    assert all(row.outcomes and protocol not in row.outcomes for row in told)


@pytest.mark.parametrize(
    "client, body",
    [
        pytest.param("anthropic_messages", {"messages": 5}, id="messages that are none"),
        pytest.param("openai_chat", {"messages": []}, id="no messages"),
        pytest.param("openai_responses", {"input": [7]}, id="an item that is none"),
    ],
)
def test_a_specimen_that_cannot_be_read_is_a_mistake(client: Protocol, body: Any) -> None:
    upstream: Protocol = "openai_chat" if client == "anthropic_messages" else "anthropic_messages"
    with pytest.raises(TransformError) as caught:
        sent(client, upstream, {"model": "m", **body})
    assert not caught.value.code


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"error": {"type": "api_error", "message": "no"}}, id="an error"),
        pytest.param(answers.stream({"type": "message_start", "message": {}}), id="half a stream"),
    ],
)
def test_so_is_an_answer_that_is_none(body: Any) -> None:
    asked = report.APPS["openai_chat"][0]
    with pytest.raises(ValueError, match="the answer is failed"):
        received("openai_chat", "anthropic_messages", asked, Answer(body))


@pytest.mark.parametrize(
    "outcome, text",
    [
        pytest.param(Outcome(), "=", id="nothing"),
        pytest.param(Outcome(("hint_dropped",)), "=", id="nothing that anybody would miss"),
        pytest.param(
            Outcome(("stop_truncated", "hint_dropped", "speed_dropped")),
            "`stop_truncated` (**lost**), `speed_dropped` (degraded)",
            id="each code with how much it hurts",
        ),
        pytest.param(Outcome(refused="n_unsupported"), "**refused**: `n_unsupported`", id="all"),
    ],
)
def test_an_outcome_reads(outcome: Outcome, text: str) -> None:
    assert str(outcome) == text


def test_a_table_has_a_row_for_all_that_comes_out_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    specimens = {
        "one": {"`a`": Specimen({"top_k": 1}), "`b`": Specimen({}), "`c`": Specimen({"top_k": 2})},
        "two": {"`d`": Specimen({"temperature": 1})},
    }
    apps: dict[Protocol, Any] = {"anthropic_messages": (messages.LEAST, specimens)}
    monkeypatch.setattr(report, "PROTOCOLS", ("anthropic_messages", "openai_chat"))
    monkeypatch.setattr(report, "APPS", apps)
    dropped = "`sampling_dropped` (degraded)"
    table = report._table_of_requests("anthropic_messages").splitlines()
    assert table[-3:] == [
        f"| **one** | `a`; `c` | {dropped} |  |",
        "|  | `b` | = |  |",
        f"| **two** | `d` | {dropped} | Chat = |",
    ]


def test_the_tables_have_a_place_or_there_is_none() -> None:
    placed = report.placed(f"before\n{report.BEGIN}\nsomething else\n{report.END}\nafter\n")
    assert placed.startswith(f"before\n{report.BEGIN}\n\n### An app that speaks Messages\n")
    assert placed.endswith(f"|\n\n{report.END}\nafter\n") and "something else" not in placed
    for readme in ("before", report.BEGIN, report.END):
        with pytest.raises(ValueError, match="README.md has no lines"):
            report.placed(readme)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose .venv is the one that runs the tests."""
    root = tmp_path / "a project"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    env = f'ROOT="{root}" VENV="{sys.prefix}"; need() {{ [ "$1" = runtime ]; }}'
    (root / "scripts" / "_env").write_text(env, encoding="utf-8")
    (root / "bridge").symlink_to(ROOT / "bridge")
    return root


def losses(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "scripts" / "losses", *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_script_prints_the_tables(root: Path) -> None:
    done = losses(root)
    assert (done.returncode, done.stdout, done.stderr) == (0, report.report() + "\n", "")


def test_the_script_writes_them_into_the_readme(root: Path) -> None:
    readme = root / "README.md"
    readme.write_text(f"Straße\n{report.BEGIN}\n{report.END}\n", encoding="utf-8")
    done = losses(root, "--write")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert readme.read_text("utf-8") == report.placed(f"Straße\n{report.BEGIN}\n{report.END}\n")


def test_the_script_says_what_the_readme_lacks(root: Path) -> None:
    (root / "README.md").write_text("nothing", encoding="utf-8")
    done = losses(root, "--write")
    assert done.returncode == 1 and "README.md has no lines" in done.stderr
    assert "Traceback" not in done.stderr
