"""How a flow is sent again is seen in test_replay; here: what no such way means."""

import sys
from typing import Any

import pytest

from bridge.mitm import replay
from bridge.mitm.origin import Unknown


def test_a_mitmproxy_that_replays_otherwise_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "mitmproxy.addons.clientplayback"
    module: Any = type(sys)(name)  # without the class that is needed
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "bridge.mitm.playback", raising=False)
    monkeypatch.delattr("bridge.mitm.playback", raising=False)
    with pytest.raises(Unknown, match="does not know how this version of mitmproxy replays"):
        replay.playback()
