"""The metrics, read by the rules of the text format 0.0.4, and what they say."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import parse
from bridge.history.calls import History
from bridge.history.metrics import STATES, metrics
from bridge.history.prices import Price, Prices
from bridge.routing import Router
from tests.records import RECORDS, attempt, note, record

PRICES = Prices((("gpt", Price(10.0, 100.0)),))
CONFIG = """
upstreams:
  up: {protocol: anthropic_messages, url: http://a.test}
  backup: {protocol: openai_chat, url: http://b.test}
routes:
  - {name: main, upstreams: [up, backup]}
"""


# --- a reader as strict as the format

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
HEAD = re.compile(rf"# (HELP|TYPE) ({NAME}) (.*)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
ENDS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}

type Labels = frozenset[tuple[str, str]]


@dataclass
class Family:
    kind: str
    help: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)


def read(text: str) -> dict[str, Family]:
    """The families of an exposition, or an error at the first thing that is wrong."""
    assert text == "" or text.endswith("\n")
    text.encode()
    families: dict[str, Family] = {}
    name = told = ""
    for line in text.split("\n")[:-1]:
        if line.startswith("#"):
            head = HEAD.fullmatch(line)
            assert head, line
            if head[1] == "HELP":
                name, told = head[2], head[3]
                assert name not in families, f"{name} is told twice"
            else:
                assert head[2] == name and head[3] in ENDS, line
                families[name] = Family(head[3], told)
        else:
            _sample(line, name, families[name])
    for name, family in families.items():
        _check(name, family)
    return families


def _sample(line: str, name: str, family: Family) -> None:
    found = SAMPLE.fullmatch(line)
    assert found and found[1].startswith(name), line
    end = found[1].removeprefix(name)
    assert end in ENDS[family.kind], line
    key = end, _labels(found[2])
    assert key not in family.samples, f"{line} is told twice"
    family.samples[key] = float(found[3].replace("+Inf", "inf"))


def _labels(text: str | None) -> Labels:
    labels, place = dict[str, str](), 0
    while text is not None and place < len(text):
        pair = LABEL.match(text, place)
        assert pair and pair[1] not in labels, text
        labels[pair[1]] = re.sub(r"\\.", lambda found: ESCAPES[found[0]], pair[2])
        place = pair.end()
        assert labels[pair[1]], "an empty label is none"
    assert text is None or (text and not text.endswith(",")), text
    return frozenset(labels.items())


def _check(name: str, family: Family) -> None:
    """Counters and histograms are what they are to be."""
    assert family.help and family.samples, name
    assert (family.kind == "counter") == name.endswith("_total")
    assert all(value >= 0 for value in family.samples.values())
    if family.kind == "histogram":
        buckets: dict[Labels, list[tuple[float, float]]] = {}
        for (end, labels), count in family.samples.items():
            if end == "_bucket":
                [bound] = [value for label, value in labels if label == "le"]
                rest = labels - {("le", bound)}
                buckets.setdefault(rest, []).append((float(bound.replace("+Inf", "inf")), count))
        for end in ("_sum", "_count"):
            assert {labels for own, labels in family.samples if own == end} == set(buckets)
        for labels, bounds in buckets.items():
            counts = [count for _, count in sorted(bounds)]
            assert counts == sorted(counts) and max(bounds)[0] == math.inf
            assert counts[-1] == family.samples["_count", labels]


# --- what they say


def router(config: str = CONFIG) -> dict[str, Any]:
    return Router(parse(config, "c", {})).status(0)


def told(*records: dict[str, Any], state: dict[str, Any] | None = None) -> dict[str, Family]:
    history = History(prices=PRICES)
    for n, each in enumerate(records):
        history.add(str(n), each)
    return read(metrics(state or router(), history))


def values(family: Family, end: str = "") -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of the names."""
    return {
        tuple(value for _, value in sorted(labels)): number
        for (own, labels), number in family.samples.items()
        if own == end
    }


def only(family: Family, end: str = "") -> tuple[dict[str, str], float]:
    [(labels, number)] = [
        (dict(each), n) for (own, each), n in family.samples.items() if own == end
    ]
    return labels, number


FAILED_OVER = record(
    attempt("up", "error", 429),
    attempt("backup", started=0.3),
    notes=[note("item_dropped", "lost")],
    usage={
        "input_tokens": 100,
        "output_tokens": 10,
        "cache_read_tokens": 60,
        "cache_write_tokens": 20,
        "reasoning_tokens": 4,
    },
)


def test_calls_attempts_failovers_and_losses() -> None:
    found = told(FAILED_OVER, record(attempt(outcome="timeout", status=0)))
    assert values(found["bridge_calls_total"]) == {
        ("anthropic_messages", "ok", "main"): 1,
        ("anthropic_messages", "timeout", "main"): 1,
    }
    assert values(found["bridge_attempts_total"]) == {
        ("error", "429", "up"): 1,
        ("ok", "200", "backup"): 1,
        ("timeout", "up"): 1,
    }
    assert only(found["bridge_failovers_total"]) == ({"source": "up", "target": "backup"}, 1)
    assert only(found["bridge_losses_total"]) == ({"code": "item_dropped", "severity": "lost"}, 1)


CHAT = {"gen_ai_operation_name": "chat"}
BACKUP = {**CHAT, "gen_ai_provider_name": "openai", "gen_ai_request_model": "gpt"}


@pytest.mark.parametrize(
    "what, tokens",
    [
        ("input", 100),
        ("output", 10),
        ("cache_read_input", 60),
        ("cache_write_input", 20),
        ("reasoning_output", 4),
    ],
)
def test_tokens_have_opentelemetry_s_names(what: str, tokens: int) -> None:
    family = told(FAILED_OVER)[f"gen_ai_client_inference_usage_{what}_tokens_total"]
    labels = {**BACKUP, "upstream": "backup", "gen_ai_token_modality": "unknown"}
    assert only(family) == (labels, tokens)


def test_and_the_name_that_they_had_before() -> None:
    family = told(FAILED_OVER)["gen_ai_client_token_usage"]
    sums = {
        dict(labels)["gen_ai_token_type"]: number
        for (end, labels), number in family.samples.items()
        if end == "_sum"
    }
    assert sums == {"input": 100, "output": 10}


@pytest.mark.parametrize("what", ["operation", "inference"])
def test_times_of_attempts(what: str) -> None:
    found = told(FAILED_OVER)
    durations = values(found[f"gen_ai_client_{what}_duration_seconds"], "_sum")
    assert durations == {
        ("429", "chat", "anthropic", "up"): 2,
        ("chat", "openai", "gpt", "backup"): 2,
    }
    first = found[f"gen_ai_client_{what}_time_to_first_chunk_seconds"]
    assert only(first, "_sum") == ({**BACKUP, "upstream": "backup"}, pytest.approx(0.2))


def test_times_of_calls() -> None:
    found = told(FAILED_OVER, record(attempt(outcome="cut"), timing={"last": 30.0}))
    app = {**CHAT, "gen_ai_provider_name": "anthropic", "gen_ai_request_model": "claude"}
    app["client"] = "anthropic_messages"
    family = found["gen_ai_server_request_duration_seconds"]
    assert family.samples["_sum", frozenset(app.items())] == 2
    assert family.samples["_sum", frozenset({**app, "error_type": "cut"}.items())] == 30
    below = {**app, "le": "1.28"}, {**app, "le": "2.56"}
    assert [family.samples["_bucket", frozenset(each.items())] for each in below] == [0, 1]
    assert only(found["gen_ai_server_time_to_first_token_seconds"], "_sum") == (app, 1)


def test_buckets_are_those_of_the_conventions() -> None:
    found = told(FAILED_OVER)

    def bounds(name: str) -> list[float]:
        samples = found[name].samples
        return sorted({float(dict(own)["le"]) for end, own in samples if end == "_bucket"})[:-1]

    seconds = [
        0.01,
        0.02,
        0.04,
        0.08,
        0.16,
        0.32,
        0.64,
        1.28,
        2.56,
        5.12,
        10.24,
        20.48,
        40.96,
        81.92,
    ]
    assert bounds("gen_ai_client_operation_duration_seconds") == seconds
    assert bounds("gen_ai_client_token_usage") == [4**n for n in range(14)]


def test_cost_is_told_where_there_is_a_price() -> None:
    found = told(record(), record(model={"asked": "a", "used": "b"}))
    assert only(found["bridge_cost_usd_total"])[1] == pytest.approx(0.002)
    assert only(found["bridge_unpriced_calls_total"])[0]["gen_ai_request_model"] == "b"


def test_circuits_and_routes_as_they_are_now() -> None:
    state = router()
    state["upstreams"][0] |= {"state": "cooling", "cooldown_left": 12.5, "in_flight": 3}
    state["routes"][0]["active"] = "backup"
    found = told(state=state)
    circuits = values(found["bridge_upstream_state"])
    assert {labels: n for labels, n in circuits.items() if n} == {
        ("cooling", "up"): 1,
        ("healthy", "backup"): 1,
    }
    assert len(circuits) == 2 * len(STATES)
    assert values(found["bridge_upstream_cooldown_seconds"]) == {("up",): 12.5, ("backup",): 0}
    assert values(found["bridge_upstream_in_flight"]) == {("up",): 3, ("backup",): 0}
    assert values(found["bridge_route_active"]) == {("main", "up"): 0, ("main", "backup"): 1}


def test_before_there_is_anything_there_is_nothing_to_tell() -> None:
    assert metrics(router("upstreams: {}"), History()) == ""


def test_of_an_upstream_that_nobody_knows_there_is_no_provider() -> None:
    calls = record(attempt("gone", "error", 500), attempt("up")), record(client="", upstream="")
    families = told(*calls, state=router("upstreams: {}"))
    durations = values(families["gen_ai_client_operation_duration_seconds"], "_count")
    assert durations == {("500", "chat", "gone"): 1, ("chat", "gpt", "up"): 2}


def test_odd_names_are_escaped() -> None:
    odd = 'a "b"\\\nc\ud800'
    [labels] = told(record(route=odd))["bridge_calls_total"].samples
    assert dict(labels[1])["route"] == 'a "b"\\\nc?'


@given(records=st.lists(RECORDS, max_size=15))
def test_whatever_happened_it_can_be_read(records: list[dict[str, Any]]) -> None:
    found = told(*records)
    if records:
        assert sum(found["bridge_calls_total"].samples.values()) == len(records)


def test_it_stays_short_whatever_apps_and_upstreams_make_up() -> None:
    history = History(max_calls=10)
    for n in range(2_000):
        made_up = {"asked": f"a{n % 97}", "used": f"u{n % 89}"}
        history.add(str(n), record(attempt(f"h{n % 83}", "error", 400 + n % 79), model=made_up))
    text = metrics(router(), history)
    assert len(text) < 4_000_000
    families = read(text)
    assert sum(families["bridge_calls_total"].samples.values()) == 2_000
    assert any("other" in labels for labels in values(families["bridge_attempts_total"]))
