"""The circuit as a user meets it: a real proxy, upstreams that fail, cooldowns of a second."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from bridge.simulator import Simulator, refusing_port
from tests.processes import Proxy, wait_until

pytestmark = pytest.mark.more

COOLDOWN = 1.0
Start = Callable[..., Proxy]


def config(sim: Simulator, **failover: Any) -> dict[str, Any]:
    return {
        "upstreams": {
            name: {
                "protocol": "anthropic_messages",
                "url": sim.base(name),
                "api_key": f"key-{name}",
            }
            for name in ("primary", "backup")
        },
        "routes": [{"upstreams": ["primary", "backup"]}],
        "failover": {
            "cooldown": COOLDOWN,
            "health_check": {"interval": "200ms", "timeout": "2s"},
            **failover,
        },
    }


def ask(proxy: Proxy, timeout: float = 10) -> httpx2.Response:
    """One call of an app that was pointed at the proxy in reverse mode."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    with httpx2.Client(trust_env=False, timeout=timeout) as client:
        return client.post(f"{proxy.url}/v1/messages", json=body, headers={"x-api-key": "app"})


def answered_by(sim: Simulator, proxy: Proxy) -> str:
    """The upstreams that get the next call, one after the other; the last one answers it."""
    sim.forget_requests()
    assert ask(proxy).status_code == 200
    return ", ".join(r.upstream for r in sim.requests() if r.method == "POST")


REVERSE = ("--mode", "reverse:http://127.0.0.1:9")  # nothing listens there: routes decide


def test_a_429_moves_the_next_call_to_the_backup_until_the_primary_is_well_again(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim), *REVERSE)
    assert answered_by(sim, proxy) == "primary"
    sim.fault("primary", {"kind": "status", "status": 429}, match={"path": "messages"})
    assert answered_by(sim, proxy) == "primary, backup"
    limited = time.monotonic()
    assert answered_by(sim, proxy) == "backup"
    wait_until(lambda: answered_by(sim, proxy) == "primary", "the return to the primary")
    assert time.monotonic() - limited >= COOLDOWN * 0.9
    assert "primary -> backup" in proxy.output and "backup -> primary" in proxy.output


def test_the_third_connection_error_in_a_row_moves_the_route(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, health_check={"interval": 0}), *REVERSE)
    sim.fault("primary", {"kind": "drop"}, count=2, match={"path": "messages"})
    assert [answered_by(sim, proxy) for _ in range(2)] == ["primary, backup"] * 2
    assert answered_by(sim, proxy) == "primary"  # an answer: the row begins anew
    sim.fault("primary", {"kind": "drop"}, count=3, match={"path": "messages"})
    assert [answered_by(sim, proxy) for _ in range(3)] == ["primary, backup"] * 3
    assert answered_by(sim, proxy) == "backup"
    assert "connection error 2 of 3" in proxy.output


def test_a_failed_health_check_moves_the_route_and_a_passed_one_brings_it_back(
    sim: Simulator, start_proxy: Start
) -> None:
    sim.fault("primary", {"kind": "status", "status": 503}, count=None, match={"path": "models*"})
    proxy = start_proxy(config(sim), *REVERSE)
    proxy.wait_for("primary is unhealthy: health check: 503")
    assert answered_by(sim, proxy) == "backup"
    sim.clear_faults("primary")
    proxy.wait_for("primary is healthy again")
    assert answered_by(sim, proxy) == "primary"


def test_a_probe_that_hangs_is_a_failed_one_and_holds_up_nothing(
    sim: Simulator, start_proxy: Start
) -> None:
    sim.fault("primary", {"kind": "hang"}, count=None, match={"path": "models*"})
    check = {"interval": "200ms", "timeout": "500ms"}
    proxy = start_proxy(config(sim, health_check=check), *REVERSE)
    proxy.wait_for(r"primary is unhealthy: health check: .*(?i:time|within)")
    assert answered_by(sim, proxy) == "backup"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_probe_that_is_refused_says_the_server_is_alive(
    sim: Simulator, start_proxy: Start, status: int
) -> None:
    fault = {"kind": "status", "status": status}
    sim.fault("primary", fault, count=None, match={"path": "models*"})
    proxy = start_proxy(config(sim), *REVERSE)
    wait_until(
        lambda: len([r for r in sim.requests("primary") if r.method == "GET"]) >= 3, "probes"
    )
    assert answered_by(sim, proxy) == "primary"
    assert "unhealthy" not in proxy.output


def test_probes_go_out_with_the_upstreams_own_key(sim: Simulator, start_proxy: Start) -> None:
    start_proxy(config(sim), *REVERSE)
    probe = wait_until(lambda: next(iter(sim.requests("backup")), None), "a probe of the backup")
    assert (probe.method, probe.header("x-api-key")) == ("GET", "key-backup")


def test_without_a_backup_a_429_and_a_dead_upstream_change_nothing(
    sim: Simulator, start_proxy: Start
) -> None:
    single = config(sim)
    single["routes"] = [{"upstreams": ["primary"]}]
    proxy = start_proxy(single, *REVERSE)
    sim.fault("primary", {"kind": "status", "status": 429}, count=2, match={"path": "messages"})
    assert [ask(proxy).status_code for _ in range(2)] == [429, 429]
    assert answered_by(sim, proxy) == "primary"


def test_an_upstream_nobody_listens_at_is_left_after_three_calls(
    sim: Simulator, start_proxy: Start
) -> None:
    with refusing_port() as port:
        settings = config(sim, health_check={"interval": 0})
        settings["upstreams"]["primary"]["url"] = f"http://127.0.0.1:{port}"
        proxy = start_proxy(settings, *REVERSE)
        assert [answered_by(sim, proxy) for _ in range(3)] == ["backup"] * 3
        assert proxy.wait_for("primary is unhealthy: .* connection error 3")


def test_trap_16_a_reload_keeps_what_is_known_of_unchanged_upstreams(
    sim: Simulator, start_proxy: Start
) -> None:
    settings = config(sim, cooldown="5m")
    proxy = start_proxy(settings, *REVERSE)
    sim.fault("primary", {"kind": "status", "status": 429}, match={"path": "messages"})
    assert answered_by(sim, proxy) == "primary, backup"
    settings["strict"] = True
    proxy.configure(settings)
    proxy.wait_for("config.yaml was read again")
    assert answered_by(sim, proxy) == "backup"


def test_a_wrong_file_is_reported_and_the_old_configuration_stays(
    sim: Simulator, start_proxy: Start
) -> None:
    settings = config(sim)
    proxy = start_proxy(settings, *REVERSE)
    proxy.configure({**settings, "routes": [{"upstreams": ["primray"]}]})
    line = proxy.wait_for(r"config\.yaml: routes\[0\].*primray.*")[0]
    assert "primary" in line and "backup" in line
    proxy.wait_for("the old configuration stays in force")
    assert answered_by(sim, proxy) == "primary"
    proxy.configure({**settings, "routes": [{"upstreams": ["backup"]}]})
    proxy.wait_for("was read again")
    assert answered_by(sim, proxy) == "backup"


def test_a_wrong_file_at_the_start_ends_the_proxy_with_one_clear_line(
    sim: Simulator, tmp_path: Any, confdir: Any
) -> None:
    settings = config(sim)
    settings["upstreams"]["primary"]["protocol"] = "openia"
    with Proxy(tmp_path, confdir, settings) as proxy:
        assert proxy.exit_status() != 0
    expected = '"openia" is not one of anthropic_messages, openai_chat, openai_responses'
    assert f"config.yaml: upstreams.primary.protocol: {expected}" in proxy.output


def test_trap_17_a_client_that_hangs_up_hurts_nobodys_health_and_frees_the_upstream(
    sim: Simulator, start_proxy: Start
) -> None:
    proxy = start_proxy(config(sim, connection_errors=1, health_check={"interval": 0}), *REVERSE)
    sim.fault("primary", {"kind": "hang"}, match={"path": "messages"})
    with pytest.raises(httpx2.ReadTimeout):
        ask(proxy, timeout=0.5)
    assert sim.until(lambda s: s.state()["upstreams"]["primary"]["aborted"] == 1)
    assert answered_by(sim, proxy) == "primary"
