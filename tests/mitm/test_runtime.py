import logging
import os
import stat
from pathlib import Path

import pytest

from bridge.config import ConfigError
from bridge.exchange import Call
from bridge.health import Answered
from bridge.mitm.runtime import Runtime, clock, installation_key

CONFIG = """
upstreams:
  a: {protocol: openai_chat, url: 'http://127.0.0.1:1/v1'}
  b: {protocol: openai_chat, url: 'http://127.0.0.1:2/v1', api_key: '${NOBODY_SETS_THIS}'}
routes: [{upstreams: [a, b]}]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


def test_what_is_left_out_is_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Runtime(path, b"k")
    assert caplog.text.count("NOBODY_SETS_THIS") == 1


def test_a_wrong_file_is_no_start(path: Path) -> None:
    path.write_text("routes: 5")
    with pytest.raises(ConfigError):
        Runtime(path, b"k")


def test_changes_of_the_circuit_are_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(CONFIG.replace("${NOBODY_SETS_THIS}", "key"))
    runtime = Runtime(path, b"k")
    runtime.record(runtime.config.upstreams["a"], Answered(429), clock())
    assert "a -> b" in caplog.text


def test_a_call_is_opened_with_the_configuration_in_force(path: Path) -> None:
    runtime = Runtime(path, b"k")
    call = Call("openai_chat", "https", "h", 443, "/v1/chat/completions", (), b'{"model": "m"}')
    exchange = runtime.open(call, clock())
    assert exchange.choice and exchange.choice.upstreams[0].name == "a"


def test_the_key_of_an_installation_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "confdir"
    key = installation_key(folder)
    assert len(key) == 32 and installation_key(folder) == key
    assert stat.S_IMODE(os.stat(folder / "llm-bridge.key").st_mode) == 0o600
    assert installation_key(tmp_path / "other") != key


def test_the_clock_never_runs_back() -> None:
    times = [clock() for _ in range(100)]
    assert times == sorted(times)
    assert logging  # the module under test speaks through it
