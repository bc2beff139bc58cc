"""config.yaml: everything that can be in it, and each mistake with its exact line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.bounded import Bounds
from bridge.config import (
    Config,
    ConfigError,
    Failover,
    HealthCheck,
    Intercept,
    Match,
    Route,
    Upstream,
    load,
    parse,
)
from bridge.history.prices import Price, Prices
from bridge.settings import WELL_KNOWN_HOSTS, HistoryBounds
from bridge.transform.families import ANTHROPIC, COMPATIBLE, OPENAI

ROOT = Path(__file__).resolve().parent.parent

FULL = """
intercept:
  hosts: [api.anthropic.com, API.openai.com, "*.example.com", 127.0.0.1, "::1"]
upstreams:
  anthropic: {protocol: anthropic_messages, url: https://api.anthropic.com}
  openai:
    protocol: openai_responses
    url: https://api.openai.com/v1/
    api_key: ${OPENAI_API_KEY}
    models: {"claude-haiku*": small, "claude-*": large}
    profile: openai
    headers: {OpenAI-Organization: org-1, openai-project: "${PROJECT}"}
    auth: bearer
  pool:
    protocol: openai_chat
    url: http://127.0.0.1:11434/v1
    api_key: ["${ONE}", two]
    max_in_flight: 2
    queue: 500ms
    strict: false
  tuned:
    protocol: anthropic_messages
    url: http://[::1]:8080/anthropic
    auth: bearer
    profile: {sampling: false}
    anthropic_version: 2026-10-21
    max_tokens_default: 4096
routes:
  - match:
      protocol: anthropic_messages
      model: "claude-haiku*"
      host: "*.Anthropic.com"
      path: /v1/messages
      header: {X-App: "cli*"}
      field: {metadata.user_id: "*"}
      app: "claude-cli/*"
      side: true
      agent: false
      thinking: false
      tokens_over: 100000
      has: [images, tools]
    upstreams: [pool, anthropic]
  - name: everything else
    upstreams: [anthropic, openai, tuned]
    weights: {openai: 3, anthropic: 1}
    sticky: true
    strict: false
failover:
  statuses: [429, 529]
  errors: ["*policy*", "*org*"]
  connection_errors: 2
  failures: 4
  cooldown: 1m
  max_cooldown: 10m
  first_byte_timeout: 500ms
  whole_timeout: 20
  idle_timeout: 30
  max_attempts: 3
  max_time: 90
  early_stream: 8s
  ping_interval: 10
  health_check: {interval: 0.5, timeout: 2s, path: /health}
strict: true
notes_header: true
mask: true
ledger: {max_bytes: 1MB, max_age: 1h}
store: false
history: {max_calls: 100, max_bytes: 1MB}
prices:
  claude-sonnet-*: {input: 3, output: 15, cache_read: 0.3, cache_write: 3.75, cache_write_long: 6}
  "*": {input: 0, output: 0}
"""
ENV = {"OPENAI_API_KEY": " first\n", "PROJECT": "p", "ONE": "one"}


def upstreams(text: str, env: dict[str, str] | None = None) -> dict[str, Upstream]:
    return parse(f"upstreams: {text}", "config.yaml", env or {}).upstreams


def mistakes(text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "config.yaml", env or {})
    assert all("\n" not in line for line in caught.value.mistakes)
    return [line.removeprefix("config.yaml: ") for line in caught.value.mistakes]


# What can be in it


def test_everything() -> None:
    config = parse(FULL, "config.yaml", ENV)
    anthropic = Upstream(
        "anthropic",
        "anthropic_messages",
        "https",
        "api.anthropic.com",
        443,
        "",
        auth="x-api-key",
        profile=ANTHROPIC,
    )
    openai = Upstream(
        "openai",
        "openai_responses",
        "https",
        "api.openai.com",
        443,
        "/v1",
        auth="bearer",
        profile=OPENAI,
        api_keys=("first",),
        headers=(("openai-organization", "org-1"), ("openai-project", "p")),
        models=(("claude-haiku*", "small"), ("claude-*", "large")),
    )
    pool = Upstream(
        "pool",
        "openai_chat",
        "http",
        "127.0.0.1",
        11434,
        "/v1",
        auth="bearer",
        profile=COMPATIBLE["openai_chat"],
        api_keys=("one", "two"),
        max_in_flight=2,
        queue=0.5,
        strict=False,
    )
    tuned = Upstream(
        "tuned",
        "anthropic_messages",
        "http",
        "::1",
        8080,
        "/anthropic",
        auth="bearer",
        profile=replace(
            COMPATIBLE["anthropic_messages"],
            sampling=(),
            anthropic_version="2026-10-21",
            max_tokens_default=4096,
        ),
    )
    small = Match(
        protocol="anthropic_messages",
        model="claude-haiku*",
        host="*.anthropic.com",
        path="/v1/messages",
        header=(("x-app", "cli*"),),
        field=(("metadata.user_id", "*"),),
        app="claude-cli/*",
        side=True,
        agent=False,
        thinking=False,
        tokens_over=100_000,
        has=frozenset({"images", "tools"}),
    )
    assert config == Config(
        intercept=Intercept(
            ("api.anthropic.com", "api.openai.com", "*.example.com", "127.0.0.1", "::1")
        ),
        upstreams={"anthropic": anthropic, "openai": openai, "pool": pool, "tuned": tuned},
        routes=(
            Route("routes[0]", small, (pool, anthropic)),
            Route(
                "everything else",
                Match(),
                (anthropic, openai, tuned),
                weights=(("openai", 3), ("anthropic", 1)),
                sticky=True,
                strict=False,
            ),
        ),
        failover=Failover(
            statuses=frozenset({429, 529}),
            errors=("*policy*", "*org*"),
            connection_errors=2,
            failures=4,
            cooldown=60.0,
            max_cooldown=600.0,
            first_byte_timeout=0.5,
            whole_timeout=20.0,
            idle_timeout=30.0,
            max_attempts=3,
            max_time=90.0,
            early_stream=8.0,
            ping_interval=10.0,
            health_check=HealthCheck(interval=0.5, timeout=2.0, path="/health"),
        ),
        strict=True,
        notes_header=True,
        mask=True,
        ledger=Bounds(1024 * 1024, 3600.0),
        store=None,
        history=HistoryBounds(100, 1024 * 1024),
        prices=Prices(
            (("claude-sonnet-*", Price(3.0, 15.0, 0.3, 3.75, 6.0)), ("*", Price(0.0, 0.0)))
        ),
        warnings=(),
    )
    assert config.upstreams["tuned"].anthropic_version == "2026-10-21"


@pytest.mark.parametrize(
    "given, expected",
    [
        pytest.param("{}", Intercept(), id="nothing said: the vendors'"),
        pytest.param("{hosts: [h]}", Intercept(("h",)), id="those alone"),
        pytest.param(
            "{hosts: [a, well-known, b]}", Intercept(("a", *WELL_KNOWN_HOSTS, "b")), id="and others"
        ),
        pytest.param("{only: true}", Intercept(only=True), id="nothing else is decrypted"),
    ],
)
def test_what_is_intercepted(given: str, expected: Intercept) -> None:
    assert parse(f"intercept: {given}", "config.yaml", {}).intercept == expected


def test_everything_has_a_default() -> None:
    assert parse("{}", "config.yaml", {}) == Config(
        intercept=Intercept(WELL_KNOWN_HOSTS, only=False),
        upstreams={},
        routes=(),
        failover=Failover(
            statuses=frozenset({408, 429, 500, 502, 503, 504, 529}),
            errors=(),
            connection_errors=3,
            failures=3,
            cooldown=300.0,
            max_cooldown=3600.0,
            first_byte_timeout=60.0,
            whole_timeout=600.0,
            idle_timeout=120.0,
            max_attempts=6,
            max_time=300.0,
            early_stream=None,
            ping_interval=15.0,
            health_check=HealthCheck(interval=60.0, timeout=10.0, path="/v1/models"),
        ),
        strict=False,
        notes_header=False,
        mask=False,
        ledger=Bounds(64 * 1024 * 1024, 6 * 3600.0),
        store=Bounds(64 * 1024 * 1024, 6 * 3600.0),
        history=HistoryBounds(5_000, 64 * 1024 * 1024),
        prices=Prices(),
        warnings=(),
    )


@pytest.mark.parametrize(
    "text",
    ["intercept:\nupstreams:\nroutes:\nfailover:\nstrict:", "failover: {health_check: }"],
    ids=["sections", "a section in a section"],
)
def test_a_section_may_be_left_empty(text: str) -> None:
    assert parse(text, "config.yaml", {}) == parse("{}", "config.yaml", {})


def test_nothing_need_be_remembered() -> None:
    config = parse("{ledger: false, store: false, history: false}", "config.yaml", {})
    assert (config.ledger, config.store, config.history) == (None, None, None)


def test_an_empty_list_is_not_the_default() -> None:
    config = parse("{intercept: {hosts: []}, failover: {statuses: []}}", "config.yaml", {})
    assert (config.intercept.hosts, config.failover.statuses) == ((), frozenset())


@pytest.mark.parametrize(
    "route, upstreams, share",
    [
        pytest.param("{shadow: b}", [], 0, id="a name alone is only shown"),
        pytest.param("{shadow: b, upstreams: []}", [], 0, id="with an empty list it is the same"),
        pytest.param("{shadow: {upstream: b, share: 0.1}}", [], 0.1, id="a share of the calls"),
        pytest.param("{shadow: {upstream: b, share: 1}}", [], 1, id="all of them"),
        pytest.param("{upstreams: [a], shadow: b}", ["a"], 0, id="beside upstreams"),
        pytest.param("{upstreams: [a, b], shadow: b}", ["a", "b"], 0, id="one of the upstreams"),
    ],
)
def test_a_shadow(route: str, upstreams: list[str], share: float) -> None:
    [parsed] = parse(f"{B}\nroutes: [{route}]", "config.yaml", {}).routes
    assert [upstream.name for upstream in parsed.upstreams] == upstreams
    assert parsed.shadow and (parsed.shadow.upstream.name, parsed.shadow.share) == ("b", share)


def test_a_shadow_that_is_disabled_leaves_its_route_as_it_is() -> None:
    off = "unset: {protocol: openai_chat, url: http://c, api_key: '${UNSET}'}"
    upstreams = B.removesuffix("}") + f", {off}}}"
    routes = "[{shadow: unset}, {upstreams: [a], shadow: unset}, {upstreams: [unset], shadow: a}]"
    config = parse(f"{upstreams}\nroutes: {routes}", "config.yaml", {})
    assert [(r.name, len(r.upstreams), r.shadow) for r in config.routes] == [
        ("routes[0]", 0, None),  # still in front of the others: its calls pass untouched
        ("routes[1]", 1, None),
    ]
    assert config.warnings[1:] == (
        "config.yaml: routes[0]: has no shadow, its upstream is disabled",
        "config.yaml: routes[1]: has no shadow, its upstream is disabled",
        "config.yaml: routes[2]: is dropped, all its upstreams are disabled",
    )


def test_an_upstream_and_a_route_have_defaults_too() -> None:
    config = parse(f"{B}\nroutes: [{{upstreams: [a]}}]", "config.yaml", {})
    a, [route] = config.upstreams["a"], config.routes
    assert (a.max_in_flight, a.queue, a.strict) == (None, 2.0, None)
    assert (route.name, route.weights, route.sticky, route.strict) == ("routes[0]", (), False, None)


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("first_byte_timeout: 30s", (300.0, None), id="ten times the first byte"),
        pytest.param("whole_timeout: 30s", (30.0, None), id="or as given"),
        pytest.param("early_stream: 5s", (600.0, 5.0), id="a stream that begins early"),
        pytest.param("early_stream: off", (600.0, None), id="or not"),
    ],
)
def test_timeouts(text: str, expected: tuple[float, float | None]) -> None:
    failover = parse(f"failover: {{{text}}}", "config.yaml", {}).failover
    assert (failover.whole_timeout, failover.early_stream) == expected


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://h", ("https", "h", 443, "")),
        ("http://h", ("http", "h", 80, "")),
        ("https://h/", ("https", "h", 443, "")),
        ("https://h/v1/", ("https", "h", 443, "/v1")),
        ("https://h:8443/api/v1", ("https", "h", 8443, "/api/v1")),
        ("HTTPS://API.Example.COM/V1", ("https", "api.example.com", 443, "/V1")),
        ("http://[::1]:1234/v1", ("http", "::1", 1234, "/v1")),
    ],
)
def test_urls(url: str, expected: tuple[str, str, int, str]) -> None:
    a = upstreams(f"{{a: {{protocol: openai_chat, url: '{url}'}}}}")["a"]
    assert (a.scheme, a.host, a.port, a.base_path) == expected


@pytest.mark.parametrize(
    "name", ["a", "open-router", "gpt_5.6", "team/a", "a:b", "1"], ids=lambda name: f"named {name}"
)
def test_names_of_upstreams(name: str) -> None:
    assert list(upstreams(f"{{'{name}': {{protocol: openai_chat, url: http://h}}}}")) == [name]


# Disabled upstreams

THREE = """
upstreams:
  a: {protocol: openai_chat, url: http://a, api_key: ${A}, headers: {x-team: ${TEAM}}}
  b: {protocol: openai_chat, url: "http://${B_HOST}/v1", api_key: [${B}, ${B2}]}
  c: {protocol: openai_chat, url: http://c}
routes:
  - upstreams: [a, c, b]
  - upstreams: [a, b]
  - {match: {model: x}, upstreams: [b, c]}
"""


def test_an_upstream_is_disabled_with_one_line_however_many_variables_are_missing() -> None:
    config = parse(THREE, "config.yaml", {"B": "b"})
    assert list(config.upstreams) == ["c"]
    assert [(r.name, [u.name for u in r.upstreams]) for r in config.routes] == [
        ("routes[0]", ["c"]),
        ("routes[2]", ["c"]),
    ]
    assert config.warnings == (
        "config.yaml: upstreams.a: is disabled, environment variable A is not set",
        "config.yaml: upstreams.b: is disabled, environment variable B_HOST is not set",
        "config.yaml: routes[1]: is dropped, all its upstreams are disabled",
    )


def test_nor_does_one_that_is_disabled_have_a_weight() -> None:
    text = THREE.replace("upstreams: [a, c, b]", "{upstreams: [a, c, b], weights: {a: 1, c: 2}}")
    assert parse(text, "config.yaml", {}).routes[0].weights == (("c", 2),)


def test_nothing_is_disabled_when_all_variables_are_set() -> None:
    env = {"A": "a", "TEAM": "t", "B_HOST": "b.test:81", "B": "b", "B2": "b2"}
    config = parse(THREE, "config.yaml", env)
    assert (list(config.upstreams), config.warnings) == (["a", "b", "c"], ())
    assert config.upstreams["b"].url == "http://b.test:81/v1"
    assert config.upstreams["b"].api_keys == ("b", "b2")


def test_a_disabled_upstream_is_checked_all_the_same() -> None:
    assert mistakes(
        "upstreams: {a: {protocol: openia, url: http://h, api_key: ${A}}}"
        "\nroutes: [{upstreams: [a]}]"
    ) == [
        'upstreams.a.protocol: "openia" is not one of '
        "anthropic_messages, openai_chat, openai_responses"
    ]


# Mistakes

A = "upstreams: {a: {protocol: openai_chat, url: http://h"
B = "upstreams: {a: {protocol: openai_chat, url: http://h}, b: {protocol: openai_chat, url: http://i}}"
URL = "is not an http or https URL"
HOST = "is not a host name; no scheme, port or path, * and ? are wildcards"
DURATION = "is not a duration: 300ms, 2s, 5m, 1h, or seconds as a number"
DOLLARS = "is not a price; it is a number of USD per million tokens"


@pytest.mark.parametrize(
    "text, lines",
    [
        pytest.param("", ["is empty; it needs upstreams and routes"], id="empty file"),
        pytest.param("# soon", ["is empty; it needs upstreams and routes"], id="only a comment"),
        pytest.param("[a]", ["a list is not a mapping"], id="not a mapping"),
        pytest.param(
            "upstreams:\n  a: b: c",
            ["line 2, column 7: mapping values are not allowed here"],
            id="broken YAML",
        ),
        pytest.param(
            "route: []",
            [
                "route: is not a known key: intercept, upstreams, routes, failover, "
                "strict, notes_header, ledger, store, history, prices, mask"
            ],
            id="unknown key at the top",
        ),
        pytest.param(
            f"{A}, apikey: x}}}}",
            [
                "upstreams.a.apikey: is not a known key: protocol, url, api_key, models, profile, "
                "headers, auth, anthropic_version, max_tokens_default, max_in_flight, queue, strict"
            ],
            id="unknown key of an upstream, its value unsaid",
        ),
        pytest.param(
            f"{B}\nroutes: [{{to: [a], upstreams: [a]}}]",
            [
                "routes[0].to: is not a known key: "
                "match, upstreams, weights, name, sticky, strict, shadow"
            ],
            id="unknown key of a route",
        ),
        pytest.param(
            f"{B}\nroutes: [{{match: {{modle: x}}, upstreams: [a]}}]",
            [
                "routes[0].match.modle: is not a known key: "
                "protocol, model, host, path, app, side, agent, thinking, tokens_over, "
                "header, field, has"
            ],
            id="unknown condition",
        ),
        pytest.param(
            "failover: {retries: 3, health_check: {url: x}}",
            [
                "failover.retries: is not a known key: connection_errors, failures, cooldown, "
                "max_cooldown, first_byte_timeout, whole_timeout, idle_timeout, max_attempts, "
                "max_time, early_stream, ping_interval, statuses, errors, health_check",
                "failover.health_check.url: is not a known key: interval, timeout, path",
            ],
            id="unknown keys of failover",
        ),
        pytest.param(
            "intercept: {host: x}",
            ["intercept.host: is not a known key: hosts, only, websocket"],
            id="unknown key of intercept",
        ),
        pytest.param(
            "upstreams:\n  a: {protocol: openai_chat, url: http://h}\n"
            "  a: {protocol: openai_chat, url: http://i}",
            ["upstreams.a: is given twice, in lines 2 and 3"],
            id="duplicate upstream",
        ),
        pytest.param(
            "strict: true\nstrict: false",
            ["strict: is given twice, in lines 1 and 2"],
            id="duplicate key",
        ),
        pytest.param(
            "upstreams: {a: {protocol: openia, url: http://h}}",
            [
                'upstreams.a.protocol: "openia" is not one of '
                "anthropic_messages, openai_chat, openai_responses"
            ],
            id="unknown protocol",
        ),
        pytest.param(
            "upstreams: {a: {}}",
            [
                "upstreams.a.protocol: is missing; it is one of "
                "anthropic_messages, openai_chat, openai_responses",
                "upstreams.a.url: is missing; for example https://api.openai.com/v1",
            ],
            id="protocol and URL missing",
        ),
        pytest.param("upstreams: [a]", ["upstreams: a list is not a mapping"], id="upstreams list"),
        pytest.param(
            "upstreams: {a: http://h, b: }",
            [
                'upstreams.a: "http://h" is not a mapping',
                "upstreams.b: nothing is not a mapping",
            ],
            id="upstreams that are no mappings",
        ),
        *(
            pytest.param(
                f"upstreams: {{'{name}': {{protocol: openai_chat, url: http://h}}}}",
                [f"upstreams{path}: is not a name for an upstream: one word, but not auto"],
                id=f"an upstream called {name!r}",
            )
            for name, path in {"a b": '["a b"]', "auto": ".auto", "": '[""]'}.items()
        ),
        *(
            pytest.param(
                f"upstreams: {{a: {{protocol: openai_chat, url: '{url}'}}}}",
                [f'upstreams.a.url: "{url}" {URL}'],
                id=f"URL {url}",
            )
            for url in ("ftp://h", "h/v1", "localhost:8080", "http://", "http:///v1", "http://[::1")
            + ("http://h:99999", "http://h:x", "http://h /v1", "https:h")
            + ("http://a..b", f"http://{'h' * 64}.test")
        ),
        pytest.param(
            "upstreams: {a: {protocol: openai_chat, url: https://me:secret@h}}",
            ["upstreams.a.url: the value holds credentials; they belong in api_key"],
            id="URL with credentials, unsaid",
        ),
        pytest.param(
            "upstreams: {a: {protocol: openai_chat, url: 'https://h/v1?key=secret'}}",
            ["upstreams.a.url: the value has a query; leave out everything from ? or # on"],
            id="URL with a query, unsaid",
        ),
        pytest.param(
            "upstreams: {a: {protocol: openai_chat, url: https://h/v1#x}}",
            ["upstreams.a.url: the value has a query; leave out everything from ? or # on"],
            id="URL with a fragment",
        ),
        pytest.param(
            "upstreams: {a: {protocol: openai_chat, url: https://h/v1/chat/completions}}",
            [
                'upstreams.a.url: "https://h/v1/chat/completions" is an endpoint; '
                "leave out what follows the base, as in https://host/v1"
            ],
            id="URL of an endpoint",
        ),
        pytest.param(
            f"{A}, api_key: []}}}}",
            ["upstreams.a.api_key: is an empty list; leave it out for the app's own key"],
            id="empty list of keys",
        ),
        pytest.param(
            f'{A}, api_key: ""}}}}', ["upstreams.a.api_key: the value is empty"], id="empty key"
        ),
        pytest.param(
            f"{A}, api_key: 12345}}}}",
            ["upstreams.a.api_key: the value is not text; put it in quotes"],
            id="key that is a number, unsaid",
        ),
        pytest.param(
            f"{A}, api_key: {{key: secret}}}}}}",
            ["upstreams.a.api_key: the value is not text"],
            id="key that is a mapping",
        ),
        pytest.param(
            f'{A}, api_key: [x, "top secret", "sécret"]}}}}',
            [
                "upstreams.a.api_key[1]: the value is not a key; keys are ASCII without spaces",
                "upstreams.a.api_key[2]: the value is not a key; keys are ASCII without spaces",
            ],
            id="keys that no header can carry",
        ),
        pytest.param(
            f"{A}, auth: basic}}}}",
            ['upstreams.a.auth: "basic" is not one of bearer, x-api-key, api-key'],
            id="unknown auth",
        ),
        pytest.param(
            f"{A}, models: [x]}}}}",
            ["upstreams.a.models: a list is not a mapping"],
            id="models as a list",
        ),
        pytest.param(
            f'{A}, models: {{"claude-*": 4, "gpt-*": }}}}}}',
            [
                'upstreams.a.models["claude-*"]: 4 is not text; put it in quotes',
                'upstreams.a.models["gpt-*"]: is missing; give a value',
            ],
            id="models that are no names",
        ),
        pytest.param(
            f'{A}, headers: {{x-a: 1, x-b: "a\\nsecret", "x c": d}}}}}}',
            [
                "upstreams.a.headers.x-a: the value is not text; put it in quotes",
                "upstreams.a.headers.x-b: the value is not a header value; it is one line of ASCII",
                'upstreams.a.headers: "x c" is not a header name',
            ],
            id="headers",
        ),
        pytest.param(
            f"{A}, profile: anthropic}}}}",
            [
                'upstreams.a.profile: "anthropic" is not a profile for openai_chat: '
                "azure, compatible, deepseek, fireworks, gemini, groq, llama.cpp, lmstudio, "
                "mistral, ollama, openai, openrouter, together, vllm, xai"
            ],
            id="profile of another protocol",
        ),
        pytest.param(
            f"{A}, profile: [x]}}}}",
            ["upstreams.a.profile: a list is not a name or a mapping of flags"],
            id="profile as a list",
        ),
        pytest.param(
            f"{A}, max_tokens_default: 0}}}}",
            ["upstreams.a.max_tokens_default: 0 is not a whole number, 1 or more"],
            id="no tokens by default",
        ),
        pytest.param(
            f"{A}, anthropic_version: 2}}}}",
            ["upstreams.a.anthropic_version: 2 is not text; put it in quotes"],
            id="version as a number",
        ),
        pytest.param(
            f"{B}\nroutes: [{{upstreams: [c]}}]",
            ['routes[0].upstreams[0]: "c" is not one of a, b'],
            id="unknown upstream in a route",
        ),
        pytest.param(
            f"{B}\nroutes: [{{upstreams: [a, b, a]}}]",
            ['routes[0].upstreams[2]: "a" is in this route already'],
            id="duplicate upstream in a route",
        ),
        *(
            pytest.param(
                f"{B}\nroutes: [{{{inside}}}]",
                ["routes[0].upstreams: is empty; name one or more of a, b"],
                id=f"empty route {{{inside}}}",
            )
            for inside in ("upstreams: []", "upstreams: ", "match: {}")
        ),
        pytest.param(
            f"{B}\nroutes: [{{upstreams: a}}]",
            ['routes[0].upstreams: "a" is not a list'],
            id="one upstream without brackets",
        ),
        pytest.param(
            f"{B}\nroutes: {{upstreams: [a]}}", ["routes: a mapping is not a list"], id="no list"
        ),
        pytest.param(
            f"{B}\nroutes: [a]", ['routes[0]: "a" is not a mapping'], id="route as a name"
        ),
        pytest.param(
            f"{B}\nroutes: [{{match: x, upstreams: [a]}}]",
            ['routes[0].match: "x" is not a mapping'],
            id="match as text",
        ),
        pytest.param(
            f"{B}\nroutes:\n- upstreams: [a]\n  match: {{protocol: openai, model: [x], "
            "host: https://h, path: 1, header: x, thinking: 1, tokens_over: 1.5, has: [audio], "
            "field: {stream: true}, app: 1, side: x, agent: 1}",
            [
                'routes[0].match.header: "x" is not a mapping',
                'routes[0].match.protocol: "openai" is not one of '
                "anthropic_messages, openai_chat, openai_responses",
                "routes[0].match.model: a list is not text",
                f'routes[0].match.host: "https://h" {HOST}',
                "routes[0].match.path: 1 is not text; put it in quotes",
                "routes[0].match.app: 1 is not text; put it in quotes",
                'routes[0].match.side: "x" is not true or false',
                "routes[0].match.agent: 1 is not true or false",
                "routes[0].match.thinking: 1 is not true or false",
                "routes[0].match.tokens_over: 1.5 is not a whole number, 0 or more",
                "routes[0].match.field.stream: true is not text; put it in quotes",
                'routes[0].match.has[0]: "audio" is not one of images, tools',
            ],
            id="every condition of a wrong kind",
        ),
        pytest.param(
            "intercept: {hosts: [https://api.openai.com, 'h:443', h/v1, 1], only: 1}",
            [
                "intercept.only: 1 is not true or false",
                f'intercept.hosts[0]: "https://api.openai.com" {HOST}',
                f'intercept.hosts[1]: "h:443" {HOST}',
                f'intercept.hosts[2]: "h/v1" {HOST}',
                "intercept.hosts[3]: 1 is not text; put it in quotes",
            ],
            id="hosts",
        ),
        pytest.param(
            "failover: {cooldown: 5 minutes, first_byte_timeout: 0, idle_timeout: true,"
            " health_check: {interval: -1, timeout: 0s, path: models}}",
            [
                f'failover.cooldown: "5 minutes" {DURATION}',
                "failover.first_byte_timeout: 0 is not a duration above 0",
                f"failover.idle_timeout: true {DURATION}",
                f"failover.health_check.interval: -1 {DURATION}",
                'failover.health_check.timeout: "0s" is not a duration above 0',
                'failover.health_check.path: "models" is not a path; it begins with /',
            ],
            id="durations",
        ),
        pytest.param(
            'failover: {connection_errors: true, statuses: [200, "429", 600]}',
            [
                "failover.connection_errors: true is not a whole number, 1 or more",
                "failover.statuses[0]: 200 is not a whole number, 400 to 599",
                'failover.statuses[1]: "429" is not a whole number, 400 to 599',
                "failover.statuses[2]: 600 is not a whole number, 400 to 599",
            ],
            id="numbers",
        ),
        pytest.param(
            "failover: {whole_timeout: 0, max_time: 0, ping_interval: 0, early_stream: true,"
            " max_cooldown: x}",
            [
                f'failover.max_cooldown: "x" {DURATION}',
                "failover.whole_timeout: 0 is not a duration above 0",
                "failover.max_time: 0 is not a duration above 0",
                f"failover.early_stream: true {DURATION}",
                "failover.ping_interval: 0 is not a duration above 0",
            ],
            id="more durations",
        ),
        pytest.param(
            "failover: {cooldown: 5m, max_cooldown: 1m}",
            ["failover.max_cooldown: is less than the cooldown, 300 s"],
            id="a cap below the cooldown",
        ),
        pytest.param(
            "failover: {failures: 0, max_attempts: 0, errors: [1, '']}",
            [
                "failover.failures: 0 is not a whole number, 1 or more",
                "failover.max_attempts: 0 is not a whole number, 1 or more",
                "failover.errors[0]: 1 is not text; put it in quotes",
                'failover.errors[1]: "" is empty',
            ],
            id="counts and messages",
        ),
        pytest.param(
            f"{A}, max_in_flight: 0, queue: soon, strict: 1, protocol: x}}}}",
            [
                "upstreams.a.protocol: is given twice, in line 1",
                'upstreams.a.protocol: "x" is not one of '
                "anthropic_messages, openai_chat, openai_responses",
                "upstreams.a.max_in_flight: 0 is not a whole number, 1 or more",
                f'upstreams.a.queue: "soon" {DURATION}',
                "upstreams.a.strict: 1 is not true or false",
            ],
            id="limits of an upstream, beside other mistakes",
        ),
        pytest.param(
            f'{B}\nroutes: [{{upstreams: [a], name: "a\\nb", sticky: 1, strict: 2, weights: '
            "{a: 0, b: 1}}]",
            [
                "routes[0].weights.a: 0 is not a whole number, 1 or more",
                "routes[0].weights.b: is no upstream of this route: a",
                'routes[0].name: "a\\nb" is not one line of text',
                "routes[0].sticky: 1 is not true or false",
                "routes[0].strict: 2 is not true or false",
            ],
            id="options of a route",
        ),
        *(
            pytest.param(
                f"{B}\nroutes: [{{shadow: {shadow}}}]", [f"routes[0].shadow{line}"], id=reason
            )
            for shadow, line, reason in (
                ("c", ': "c" is not one of a, b', "a shadow that is nobody"),
                ("{upstream: c}", '.upstream: "c" is not one of a, b', "the same, as a mapping"),
                ("{share: 1}", ".upstream: is missing; name one of a, b", "a share of nobody"),
                ("[a]", ": a list is not one of a, b", "two shadows"),
                (
                    "{upstream: a, share: 1.5}",
                    ".share: 1.5 is not a share, from 0 to 1",
                    "more than all",
                ),
                (
                    "{upstream: a, share: true}",
                    ".share: true is not a share, from 0 to 1",
                    "a share that is none",
                ),
                (
                    "{upstream: a, of: b}",
                    ".of: is not a known key: upstream, share",
                    "unknown key of a shadow",
                ),
            )
        ),
        pytest.param(
            f"{B}\nroutes: [{{upstreams: [a], name: x}}, {{upstreams: [b], name: x}}]",
            ['routes[1].name: "x" is the name of an earlier route'],
            id="two routes of one name",
        ),
        pytest.param(
            f"{B}\nroutes: [{{upstreams: [a], name: 'routes[1]'}}, {{upstreams: [b]}}]",
            ['routes[1].name: "routes[1]" is the name of an earlier route'],
            id="a route that has the name of another's place",
        ),
        pytest.param(
            "{ledger: {max_bytes: lots, max_age: 0}, store: true}",
            [
                'ledger.max_bytes: "lots" is not a size: 300KB, 64MB, 1GB, or bytes as a whole'
                " number",
                "ledger.max_age: 0 is not a duration above 0",
                "store: true is not a mapping",
            ],
            id="bounds",
        ),
        pytest.param(
            "history: {max_calls: 0, max_bytes: much, max_age: 1h}",
            [
                "history.max_age: is not a known key: max_calls, max_bytes",
                "history.max_calls: 0 is not a whole number, 1 or more",
                'history.max_bytes: "much" is not a size: 300KB, 64MB, 1GB, or bytes as a whole'
                " number",
            ],
            id="bounds of the history",
        ),
        pytest.param(
            "prices: {gpt: {input: '3', cache_read: -1}, o: {input: true, output: .inf}, x: 3}",
            [
                f'prices.gpt.input: "3" {DOLLARS}',
                "prices.gpt.output: is missing; USD per million tokens",
                f"prices.gpt.cache_read: -1 {DOLLARS}",
                f"prices.o.input: true {DOLLARS}",
                f"prices.o.output: inf {DOLLARS}",
                "prices.x: 3 is not a mapping",
            ],
            id="prices",
        ),
        pytest.param("strict: 1", ["strict: 1 is not true or false"], id="strict as a number"),
        pytest.param(
            "notes_header: x-notes",
            ['notes_header: "x-notes" is not true or false'],
            id="a name for the header of notes",
        ),
        pytest.param(
            "failover: {cooldown: ${COOLDOWN}}",
            ["failover.cooldown: environment variable COOLDOWN is not set"],
            id="unset variable outside an upstream",
        ),
        pytest.param(
            "upstreams: {a: {protocol: x, url: y}}\nstrict: maybe\nfailover: {cooldown: z}",
            [
                'upstreams.a.protocol: "x" is not one of '
                "anthropic_messages, openai_chat, openai_responses",
                f'upstreams.a.url: "y" {URL}',
                f'failover.cooldown: "z" {DURATION}',
                'strict: "maybe" is not true or false',
            ],
            id="all mistakes at once",
        ),
    ],
)
def test_mistakes(text: str, lines: list[str]) -> None:
    assert mistakes(text) == lines


def test_a_wrong_flag_says_which_are_known() -> None:
    [line] = mistakes(f"{A}, profile: {{shiny: true}}}}}}")
    assert line.startswith('upstreams.a.profile: "shiny" is not a profile flag: ')
    assert "developer_role" in line


def test_the_error_names_the_file_in_every_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("{strict: 1, x: 2}", "mine.yaml", {})
    assert str(caught.value).splitlines() == [
        "mine.yaml: x: is not a known key: intercept, upstreams, routes, failover, "
        "strict, notes_header, ledger, store, history, prices, mask",
        "mine.yaml: strict: 1 is not true or false",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{A}, api_key: SECRET, strict: 1}}}}",
        f"{A}, api_key: [SECRET, 'x SECRET'], key: SECRET}}}}",
        f"{A}, headers: {{authorization: SECRET, x: 'SECRET\n\n'}}, auth: 1}}}}",
        f"{A}, url: https://SECRET@h}}}}",
        f"{A}, api_key: ${{KEY}}, url: '${{KEY}}'}}}}",
        f"{A}, protocol: ${{KEY}}}}}}",
        f"{A}, profile: ${{KEY}}}}}}",
        f"{A}, profile: {{base: ${{KEY}}}}}}}}",
        f"{A}, api_key: *SECRET",
        f"{A}, api_key: 'SECRET",
        f"{A}, api_key: SECRET, api_key: SECRET}}}}",
    ],
)
def test_no_key_is_in_a_message(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text.replace("SECRET", "hush-4711"), "config.yaml", {"KEY": "hush-4711"})
    assert "hush-4711" not in str(caught.value) + repr(caught.value)


def test_no_key_is_in_the_text_of_a_configuration() -> None:
    config = parse(FULL.replace("two", "hush-4711"), "config.yaml", ENV | {"ONE": "hush-4712"})
    assert config.upstreams["pool"].api_keys == ("hush-4712", "hush-4711")
    for text in (repr(config), str(config), repr(config.routes)):
        assert "hush" not in text and "first" not in text.replace("first_byte", "")


# Files


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + b"strict: true # \xe2\x82\xac")
    assert load(path, {}).strict
    path.write_text("strict: 1")
    with pytest.raises(ConfigError, match="^mine.yaml: strict: 1 is not true or false$"):
        load(path, {})


def test_load_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_load_refuses_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"strict: \xff")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == f"{path}: is not UTF-8 text"


# The default configuration

KEYS = {"ANTHROPIC_API_KEY": "k1", "OPENAI_API_KEY": "k2", "OPENROUTER_API_KEY": "k3"}


def test_without_keys_the_default_sends_every_app_to_its_own_vendor() -> None:
    config = load(ROOT / "config.yaml", {})
    assert len(config.warnings) == 3
    assert all(re.search(r": is disabled, .* is not set$", line) for line in config.warnings)
    for route in config.routes:
        [upstream] = route.upstreams
        assert upstream.host == route.match.host
        assert upstream.protocol == route.match.protocol
        assert (upstream.api_keys, upstream.models) == ((), ())
    hosts = [route.match.host for route in config.routes]
    assert all(host and config.intercept.covers(host) for host in hosts)


@pytest.mark.parametrize("name", KEYS)
def test_one_key_switches_backups_on(name: str) -> None:
    config = load(ROOT / "config.yaml", {name: KEYS[name]})
    backups = [upstream for route in config.routes for upstream in route.upstreams[1:]]
    assert len(config.warnings) == 2
    assert {upstream.api_keys for upstream in backups} == {(KEYS[name],)}
    assert all(upstream.model_for("any model") for upstream in backups)


def test_with_all_keys_the_default_has_no_warnings_and_no_backup_at_the_primary_s_host() -> None:
    config = load(ROOT / "config.yaml", KEYS)
    assert config.warnings == ()
    for route in config.routes:
        hosts = [upstream.host for upstream in route.upstreams]
        assert len(set(hosts)) == len(hosts) == 3


def test_the_default_spells_out_the_defaults() -> None:
    assert load(ROOT / "config.yaml", {}).failover == Failover()
