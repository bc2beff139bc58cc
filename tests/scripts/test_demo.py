"""scripts/demo, as a person sees it: what it tells, how it ends, and that nothing of it is left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from scripts._demo import show

ROOT = Path(show.__file__).resolve().parents[2]


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


@contextmanager
def demo(root: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    # A proxy nobody listens at: what is not meant for the bridge has nowhere to go.
    proxy = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "*", "COLUMNS": "110"}
    started = subprocess.Popen(
        [root / "scripts" / "demo", *arguments],
        cwd="/",
        env={**os.environ, **proxy, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield started
    finally:
        started.terminate()
        started.communicate(timeout=20)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    said = ""
    assert process.stdout
    while words not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def children(pid: int) -> list[int]:
    if Path("/proc/self/stat").exists():
        stats = (stat.read_text() for stat in Path("/proc").glob("[0-9]*/stat"))
        pairs = [(stat.split()[0], stat.rpartition(")")[2].split()[1]) for stat in stats]
    else:
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
        pairs = [(line.split()[0], line.split()[1]) for line in table.stdout.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_shows_both_directions_and_the_failover_and_ends_by_itself(root: Path) -> None:
    began = time.monotonic()
    with demo(root) as running:
        said, _ = running.communicate(timeout=40)
    assert running.returncode == 0, said
    assert time.monotonic() - began < 30
    lines = [line.rstrip() for line in said.splitlines()]
    first, rest = said.split("\n2. ")
    second, rest = rest.split("\n3. ")
    third, fourth = rest.split("\n4. ")
    sampling, truncation = "sampling_dropped", "truncation_dropped"
    for act, sent, upstream, got, came_back, lost in (
        (first, "/v1/messages", "/primary/v1/chat/completions", "tool_use", "tool_calls", sampling),
        (second, "/v1/chat/completions", "/claude/v1/messages", "tool_calls", "tool_use", sampling),
        (third, "/v1/responses", "/claude/v1/messages", "function_call", "tool_use", truncation),
    ):
        left, right = columns(act)
        assert f"POST {sent}" in left and f"POST {upstream}" in right
        assert "key-of-the-app" in left and "key-of-the-app" not in right
        assert got in left.partition("the app got")[2]
        assert came_back in right.partition("came back")[2]
        assert f"note: {lost}" in act
    answers = [line.split("gets ")[1] for line in fourth.splitlines() if " asks and gets " in line]
    assert answers[0] == "200 from backup, after primary would not answer"
    assert answers[1:] == ["200 from backup", "200 from primary"]
    assert "mitmproxy's log: routes[0]: primary -> backup" in fourth
    assert "mitmproxy's log: routes[0]: backup -> primary" in fourth
    assert "\033" not in said  # no colours outside a terminal
    assert max(map(len, lines)) <= 110


def columns(act: str) -> tuple[str, str]:
    rows = [line.partition("|") for line in act.splitlines() if "|" in line]
    return "\n".join(row[0] for row in rows), "\n".join(row[2] for row in rows)


@pytest.mark.parametrize(
    "number, status",
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="a polite kill"),
    ],
)
def test_an_interrupted_demo_leaves_nothing(
    root: Path, tmp_path: Path, number: int, status: int
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    with demo(root, TMPDIR=str(folder)) as running:
        said = read_until(running, "1. An app that speaks")
        started = children(running.pid)
        assert started and list(folder.iterdir())
        running.send_signal(number)
        rest, _ = running.communicate(timeout=20)
    assert running.returncode == status
    assert "Traceback" not in said + rest
    assert all(map(gone, started))
    assert list(folder.iterdir()) == []


def test_a_demo_that_fails_says_what_and_ends_with_1(root: Path) -> None:
    (root / "addon.py").unlink()
    (root / "addon.py").write_text("raise RuntimeError('broken on purpose')", encoding="utf-8")
    with demo(root) as running:
        said, _ = running.communicate(timeout=40)
    assert running.returncode == 1
    assert "The demo failed: mitmdump ended too early" in said
    assert "broken on purpose" in said


def test_web_leaves_the_traffic_to_look_at_until_ctrl_c(root: Path) -> None:
    with demo(root, "--web") as running:
        said = read_until(running, "Ctrl-C ends it.")
        url = said.partition("Look at the traffic: ")[2].split()[0]
        with httpx2.Client(trust_env=False, follow_redirects=True) as browser:
            assert browser.get(url).status_code == 200  # and a cookie, with which we are let in
            flows = browser.get(url.partition("?")[0] + "flows").json()
        running.send_signal(signal.SIGINT)
        rest, _ = running.communicate(timeout=20)
    assert running.returncode == 0
    assert "Traceback" not in rest
    assert [flow["request"]["path"] for flow in flows][:2] == [
        "/primary/v1/chat/completions",
        "/claude/v1/messages",
    ]


EVENT = 'event: x\ndata: {"type": "x", "index": 0, "text": "%s"}\n\n'


@pytest.mark.parametrize(
    "stream, expected",
    [
        pytest.param(EVENT % "a", ['data: {"type": "x", "index": 0, "text": "a"}'], id="an event"),
        pytest.param(
            EVENT % "a" + EVENT % "b" + EVENT % "c",
            ['data: {"type": "x", "index": 0, "text": "a"}', "      (and 2 more of this kind)"],
            id="of a row of the same kind the first",
        ),
        pytest.param(
            'data: {"index": 0}\n\ndata: {"index": 1}\n\n',
            ['data: {"index": 0}', 'data: {"index": 1}'],
            id="another index is another kind",
        ),
        pytest.param(
            'data: {"id": "1", "model": "m", "usage": {"a_tokens": 0, "b_tokens": 1, "c": null}}',
            ['data: {"usage": {"b_tokens": 1}}'],
            id="noise, nothing and zero tokens are left out",
        ),
        pytest.param(
            ": keepalive\n\ndata: [DONE]\n\n",
            [": keepalive", "data: [DONE]"],
            id="what is no JSON stays as it is",
        ),
    ],
)
def test_a_stream_is_shortened(stream: str, expected: list[str]) -> None:
    assert list(show.stream_lines(stream)) == expected


def test_two_columns_are_folded_within_theirs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    show.side_by_side(("left", ["word " * 100]), ("right", ["short"]))
    _, title, *rows = capsys.readouterr().out.splitlines()
    assert title.split() == ["left", "|", "right"]
    assert rows[0].split("|")[1].strip() == "short"
    assert len(rows) == show.MOST_LINES + 1 and rows[-1].split("|")[0].strip() == "..."
    assert {row.index("|") for row in rows} == {title.index("|")}
