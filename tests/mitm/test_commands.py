"""Commands as a person types them, and in a real mitmweb."""

import asyncio
import re
from pathlib import Path

import httpx2
import pytest
from mitmproxy import exceptions

from bridge.health import Answered
from bridge.mitm.commands import Commands
from bridge.mitm.runtime import Runtime, clock
from bridge.routing import Target
from bridge.simulator import running
from scripts._processes import free_port
from tests.processes import running_proxy, wait_until

CONFIG = """
upstreams:
  a: {protocol: openai_chat, url: 'http://127.0.0.1:1/v1'}
  b: {protocol: openai_chat, url: 'http://127.0.0.1:2/v1', api_key: [one, two]}
routes: [{upstreams: [a, b], name: main}]
failover: {health_check: {interval: 0}}
"""


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return Runtime(file, b"k")


@pytest.fixture
def commands(runtime: Runtime) -> Commands:
    return Commands(lambda: runtime)


def test_status_is_a_line_for_each_route_and_upstream(runtime: Runtime, commands: Commands) -> None:
    route, *upstreams = commands.status().splitlines()
    assert route == "main: a, then b"
    assert upstreams[0] == "a (http://127.0.0.1:1/v1): healthy"
    limited = Target(runtime.config.upstreams["a"])
    runtime.router.begin(limited, clock())
    assert "1 under way" in commands.status()
    runtime.record(limited, Answered(429), clock(), started=clock(), model="m")
    route, a, b = commands.status().splitlines()
    assert route == "main: b, then a"
    assert re.search(r"cooling for \d+ s, last error: 429", a)
    assert "one" not in b and "two" not in b


def test_a_hand_goes_before_health(commands: Commands) -> None:
    assert commands.use("b") == "main: a -> b"
    assert commands.status().startswith("main: b (chosen by hand), then a")
    assert commands.use("auto") == "main: b -> a"
    assert commands.use("auto") == "nothing changed"


def test_shadows_are_told_too(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    routes = "routes: [{shadow: a, match: {model: x}, name: own}, {upstreams: [b], shadow: a}]"
    file.write_text(CONFIG.replace("routes: [{upstreams: [a, b], name: main}]", routes))
    shadowed = Runtime(file, b"k")
    own, main, *_ = Commands(lambda: shadowed).status().splitlines()
    assert own == "own: the app's own host, shadowed by a"
    assert main == "routes[1]: b, shadowed by a"


def test_reset_forgets(runtime: Runtime, commands: Commands) -> None:
    limited = Target(runtime.config.upstreams["a"])
    runtime.record(limited, Answered(429), clock(), started=clock(), model="m")
    assert commands.reset("a").splitlines()[-1] == "main: b -> a"
    assert "last error" not in commands.status()


def test_also_what_had_changed_nothing(runtime: Runtime, commands: Commands) -> None:
    broken = Target(runtime.config.upstreams["a"])
    runtime.record(broken, Answered(500), clock(), started=clock(), model="m")
    assert "last error: 500" in commands.status()
    version = runtime.news.version
    assert commands.reset("a") == "forgotten"
    assert "last error" not in commands.status() and runtime.news.version > version


@pytest.mark.parametrize("name", ["use", "reset"])
def test_an_upstream_that_is_none_is_named_with_those_there_are(
    commands: Commands, name: str
) -> None:
    with pytest.raises(exceptions.CommandError, match='"c" is not one of a, b'):
        getattr(commands, name)("c")


def test_what_no_route_has_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.replace("[a, b]", "[a]"))
    with pytest.raises(exceptions.CommandError, match='no route has "b"'):
        Commands(lambda: Runtime(file, b"k")).use("b")


def test_without_a_configuration_it_says_so() -> None:
    with pytest.raises(exceptions.CommandError, match="no configuration"):
        Commands(lambda: None).status()


def test_check_probes_all(runtime: Runtime, commands: Commands) -> None:
    async def story() -> None:
        assert commands.check() == "checking a, b"
        version = runtime.news.version
        await asyncio.gather(*runtime._timers._probes.values())
        assert runtime.news.version >= version + 2, "pages show what came of each"
        assert commands.status().count("last check: ") == 2

    asyncio.run(asyncio.wait_for(story(), 20))


def test_in_a_real_mitmweb(tmp_path: Path) -> None:
    with running() as sim:
        upstream = {"protocol": "openai_chat", "url": sim.base("up"), "api_key": "key"}
        config = {"upstreams": {"up": upstream}, "routes": [{"upstreams": ["up"]}]}
        web = (
            "--web-port",
            str(free_port()),
            "--no-web-open-browser",
            "--set",
            "web_password=secret",
        )
        with running_proxy(tmp_path, tmp_path / "conf", config, *web, tool="mitmweb") as proxy:
            page = proxy.wait_for(r"Web server listening at (http://[^/\s]+)")[1]
            token = "ab" * 16  # in a cookie and a header, as pages of one's own can do it only
            cookies = dict.fromkeys(("_xsrf", "_mitmproxy_xsrf"), token)
            headers = {"x-xsrftoken": token, "authorization": "Bearer secret"}
            with httpx2.Client(
                base_url=page, trust_env=False, cookies=cookies, headers=headers
            ) as client:

                def run(name: str, *arguments: str) -> str:
                    answer = client.post(f"/commands/{name}", json={"arguments": arguments})
                    return f"{answer.status_code} {answer.text}"

                assert "routes[0]: up" in run("bridge.status")
                assert "checking up" in run("bridge.check")
                wait_until(lambda: "last check: 200" in run("bridge.status"), "the check")
                assert "is not one of up" in run("bridge.use", "nobody")
