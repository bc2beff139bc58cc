"""Whether mitmproxy is as the bridge knows it, that only `layer` needs that, and what if not."""

import re
from pathlib import Path
from pkgutil import resolve_name

import httpx2
import pytest

from bridge.mitm import versions
from bridge.simulator import running
from tests.processes import ROOT, running_proxy
from tests.test_project import imports, modules, under

LAYER = "bridge.mitm.layer"

# What mitmproxy has in its reference for authors of addons, or in its guide to them.
DOCUMENTED = {
    "mitmproxy.command",
    "mitmproxy.ctx",
    "mitmproxy.exceptions",
    "mitmproxy.types",
    *(
        f"mitmproxy.{name}"
        for name in """
            addonmanager certs connection contentviews coretypes.multidict dns flow flowfilter
            http net.server_spec proxy.context proxy.mode_specs proxy.server_hooks tcp tls udp
            websocket
        """.split()
    ),
    "mitmproxy.proxy.layer.NextLayer",  # with the hook `next_layer`
}

# What needs no import.
REACHES = {
    "one of mitmproxy's own addons": r"\baddons\.get\(",
    "what a message keeps its properties in": r"\b(request|response|message|made|flow)\.data\b",
    "what is private": r"\b(ctx|flow|request|response|message|made|client|nextlayer)\._",
}

# Of what is beside the traffic, and no more than this.
ELSEWHERE = {
    "bridge.mitm.captured": {"one of mitmproxy's own addons"},
    "bridge.mitm.playback": {
        "mitmproxy.addons.clientplayback.ReplayHandler",
        "mitmproxy.hooks.UpdateHook",
    },
    "bridge.mitm.web": {"one of mitmproxy's own addons"},
    "bridge.mitm.web_handler": {"mitmproxy.tools.web.app.RequestHandler"},
}


def test_the_code_of_mitmproxys_that_is_relied_on_is_as_it_was_tried() -> None:
    """Fails when mitmproxy changed it: look what changed, try it, then add the digest."""
    assert versions.changed() == []
    assert versions.resending() is not None


def undocumented(module: str, file: Path) -> list[str]:
    """What it imports of mitmproxy and is not in DOCUMENTED."""
    names = [name for _, name in imports(module, file) if name.startswith("mitmproxy.")]
    return [name for name in names if not {name, name.rpartition(".")[0]} & DOCUMENTED]


def reaches(module: str, file: Path) -> list[str]:
    """All by which it relies on what mitmproxy may change."""
    text = file.read_text("utf-8")
    found = [what for what, pattern in REACHES.items() if re.search(pattern, text)]
    return [*undocumented(module, file), *found]


def test_for_the_traffic_one_module_alone_reaches_into_what_mitmproxy_does_not_document() -> None:
    found = {module: set(reaches(module, file)) for module, file in modules(ROOT).items()}
    beyond = {module: what - ELSEWHERE.get(module, set()) for module, what in found.items()}
    assert {module for module, what in beyond.items() if what} == {
        f"{LAYER}.connection",
        f"{LAYER}.socket",
        f"{LAYER}.stream",
    }


@pytest.mark.parametrize(
    "line",
    [
        "from mitmproxy.proxy.layers.http import HttpStream",
        "from mitmproxy.proxy import layer",
        "import mitmproxy.addons.view",
        "ctx.master.addons.get('view')",
        "flow.request.data.host = 'x'",
        "flow._backup",
    ],
)
def test_that_is_seen(line: str, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(line)
    assert reaches("a", file)


def test_all_that_it_takes_from_there_is_compared() -> None:
    inside = {module: file for module, file in modules(ROOT).items() if under(module, LAYER)}
    for name in {name for module in inside for name in undocumented(module, inside[module])}:
        taken = resolve_name(name)
        home = {taken.__module__, f"{taken.__module__}:{taken.__qualname__}"}
        assert home & versions.KNOWN.keys(), f"{name} is not in KNOWN"


@pytest.mark.parametrize(
    "name, digests",
    [
        pytest.param("mitmproxy.proxy.layer:Layer", {"0" * 16}, id="code that is another now"),
        pytest.param("mitmproxy.proxy.layer:Gone", {"0" * 16}, id="a name that is gone"),
        pytest.param("mitmproxy.gone:Layer", {"0" * 16}, id="a module that is gone"),
        pytest.param("builtins:dict", {"0" * 16}, id="code without its source"),
    ],
)
def test_where_a_piece_of_it_is_another_nothing_relies_on_it(
    name: str, digests: set[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(versions.KNOWN, name, digests)
    assert versions.changed() == [name]
    assert versions.resending() is None
    assert "not known to the bridge" in caplog.text and name in caplog.text


# An unknown mitmproxy, in which what `layer` needs cannot even be imported.
UNKNOWN = f"""
import sys
sys.modules["{LAYER}"] = None
versions.KNOWN["mitmproxy.proxy.layers.http:HttpStream"] = {{"of another version"}}


"""


def test_without_it_a_failure_moves_the_next_call(tmp_path: Path) -> None:
    """No failover inside a request, all else as ever, and a word of it."""
    source = (ROOT / "addon.py").read_text("utf-8")
    unknown = tmp_path / "unknown.py"
    unknown.write_text(source.replace("class Bridge:", f"{UNKNOWN}class Bridge:"), "utf-8")
    text = [{"role": "user", "content": "[[text:well]]"}]
    body = {"model": "m", "max_tokens": 9, "messages": text}
    options = ("--mode", "reverse:http://127.0.0.1:9")
    env = {"PYTHONPATH": str(ROOT)}
    with running() as sim:
        upstreams = {
            name: {"protocol": protocol, "url": sim.base(name), "api_key": "k"}
            for name, protocol in (("a", "openai_chat"), ("b", "anthropic_messages"))
        }
        config = {
            "upstreams": upstreams,
            "routes": [{"upstreams": ["a", "b"]}],
            "failover": {"cooldown": "60s", "health_check": {"interval": 0}},
            "mask": True,  # what the app has not got yet cannot be masked here
        }
        with running_proxy(
            tmp_path, tmp_path / "conf", config, *options, env=env, script=unknown
        ) as proxy:
            proxy.wait_for("this version of mitmproxy is not known.*HttpStream")
            with httpx2.Client(base_url=proxy.url, trust_env=False, timeout=20) as client:
                for stream in (False, True):
                    answer = client.post("/v1/messages", json={**body, "stream": stream})
                    assert answer.status_code == 200 and "well" in answer.text
                sim.fault("a", {"kind": "status", "status": 429})
                assert client.post("/v1/messages", json=body).status_code == 429
                sim.forget_requests()
                assert client.post("/v1/messages", json=body).status_code == 200
                assert [r.upstream for r in sim.requests()] == ["b"]
                sim.fault("b", {"kind": "cut", "after": 2})
                with pytest.raises(httpx2.RemoteProtocolError):  # cut, as mitmproxy does by itself
                    client.post("/v1/messages", json={**body, "stream": True})
