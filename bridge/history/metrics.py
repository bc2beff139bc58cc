"""What there is to count, as Prometheus reads it (text format 0.0.4).

In: the state of the router and the history. Out: text. What OpenTelemetry has a name for has that
name in Prometheus' spelling: what an app gets of the bridge is `gen_ai.server.*`, what the bridge
gets of an upstream `gen_ai.client.*`. These conventions are young. Where a name changed in autumn
2026 both are told, for dashboards know the older one.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..circuit import State
from .calls import History
from .tally import COUNTERS, HISTOGRAMS, Histogram

# Our labels by OpenTelemetry's names; all others keep their own.
LABELS = {
    "asked": "gen_ai_request_model",
    "used": "gen_ai_request_model",
    "error": "error_type",
    "token_type": "gen_ai_token_type",
}
# Who made a protocol, in OpenTelemetry's words.
PROVIDERS = {
    "anthropic_messages": "anthropic",
    "openai_chat": "openai",
    "openai_responses": "openai",
}
STATES: tuple[State, ...] = ("healthy", "trial", "cooling")
# What OpenTelemetry wants to be told of every number.
CHAT = {"gen_ai_operation_name": "chat"}
TOKENS = {**CHAT, "gen_ai_token_modality": "unknown"}

type Named = Mapping[str, str]
type Sample = tuple[str, Named, float]  # what comes behind the name, labels, number


class Metric(NamedTuple):
    """A family of the tally; `constant` are labels of OpenTelemetry's."""

    names: tuple[str, ...]
    help: str
    constant: Named = {}


def _usage(what: str, told: str) -> Metric:
    return Metric((f"gen_ai_client_inference_usage_{what}_tokens_total",), told, TOKENS)


COUNTED: dict[str, Metric] = {
    "calls": Metric(
        ("bridge_calls_total",),
        "Finished calls; those of the routes replay and shadow are no app's.",
    ),
    "attempts": Metric(("bridge_attempts_total",), "Tries, by what became of them."),
    "failovers": Metric(("bridge_failovers_total",), "Calls that went on at another upstream."),
    "losses": Metric(("bridge_losses_total",), "Calls whose translation lost or weakened this."),
    "cost": Metric(("bridge_cost_usd_total",), "What calls cost, by the prices configured."),
    "unpriced": Metric(("bridge_unpriced_calls_total",), "Calls whose model has no price."),
    "input": _usage("input", "Input tokens, cached ones included."),
    "output": _usage("output", "Output tokens, reasoning included."),
    "cached": _usage("cache_read_input", "Input tokens that came from a cache."),
    "cache_write": _usage("cache_write_input", "Input tokens that were written to a cache."),
    "reasoning": _usage("reasoning_output", "Output tokens of reasoning."),
}
MEASURED: dict[str, Metric] = {
    "duration": Metric(
        ("gen_ai_server_request_duration_seconds",),
        "From an app's request to the end of its answer, all attempts included.",
        CHAT,
    ),
    "first_content": Metric(
        ("gen_ai_server_time_to_first_token_seconds",),
        "From an app's request to the first content of its stream.",
        CHAT,
    ),
    "attempt_duration": Metric(
        ("gen_ai_client_operation_duration_seconds", "gen_ai_client_inference_duration_seconds"),
        "How long an attempt at an upstream took.",
        CHAT,
    ),
    "attempt_first_byte": Metric(
        (
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "gen_ai_client_inference_time_to_first_chunk_seconds",
        ),
        "From a request to an upstream to the beginning of its stream.",
        CHAT,
    ),
    "tokens": Metric(("gen_ai_client_token_usage",), "Tokens of a call.", CHAT),
}
# Of an upstream, as the router has it.
GAUGES = {
    "in_flight": ("bridge_upstream_in_flight", "Requests on their way."),
    "cooldown_left": ("bridge_upstream_cooldown_seconds", "Time left of the cooldown."),
}


def metrics(router: Mapping[str, Any], history: History) -> str:
    """`router` is what Router.status says."""
    tally, upstreams = history.tally, router["upstreams"]
    told = {upstream["name"]: upstream["protocol"] for upstream in upstreams}
    protocols = {**tally.protocols, **told}
    families = (
        *_counted(tally.counters, protocols),
        *_measured(tally.histograms, protocols),
        *_states(upstreams),
        _active(router["routes"]),
    )
    return "".join(families)


# --- of finished calls


def _counted(
    counters: Mapping[str, Mapping[tuple[str, ...], float]], protocols: Named
) -> Iterator[str]:
    for key, metric in COUNTED.items():
        samples = [
            ("", _labels(COUNTERS[key], values, metric.constant, protocols), number)
            for values, number in counters[key].items()
        ]
        yield from (_family(name, "counter", metric.help, samples) for name in metric.names)


def _measured(
    histograms: Mapping[str, Mapping[tuple[str, ...], Histogram]], protocols: Named
) -> Iterator[str]:
    for key, metric in MEASURED.items():
        samples = [
            sample
            for values, histogram in histograms[key].items()
            for sample in _histogram(
                histogram, _labels(HISTOGRAMS[key][0], values, metric.constant, protocols)
            )
        ]
        yield from (_family(name, "histogram", metric.help, samples) for name in metric.names)


def _histogram(histogram: Histogram, labels: Named) -> Iterator[Sample]:
    below = 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        below += count
        yield "_bucket", {**labels, "le": _number(bound)}, below
    yield "_sum", labels, histogram.sum
    yield "_count", labels, below


def _labels(names: Iterable[str], values: Iterable[str], constant: Named, who: Named) -> Named:
    known = dict(zip(names, values, strict=True))
    labels = {LABELS.get(name, name): value for name, value in known.items()}
    if constant:
        protocol = known.get("client") or who.get(known.get("upstream", ""), "")
        labels |= {**constant, "gen_ai_provider_name": PROVIDERS.get(protocol, "")}
    return labels


# --- of upstreams and routes, as they are now


def _states(upstreams: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for key, (name, told) in GAUGES.items():
        yield _family(
            name, "gauge", told, [("", {"upstream": u["name"]}, u[key]) for u in upstreams]
        )
    states = [
        ("", {"upstream": upstream["name"], "state": state}, float(upstream["state"] == state))
        for upstream in upstreams
        for state in STATES
    ]
    yield _family("bridge_upstream_state", "gauge", "1 for the state of its circuit.", states)


def _active(routes: Iterable[Mapping[str, Any]]) -> str:
    samples = [
        ("", {"route": route["name"], "upstream": name}, float(route["active"] == name))
        for route in routes
        for name in route["upstreams"]
    ]
    return _family("bridge_route_active", "gauge", "1 for the upstream asked first.", samples)


# --- the text


def _family(name: str, kind: str, told: str, samples: Iterable[Sample]) -> str:
    """ "" where there is nothing to tell."""
    lines = [f"{name}{end}{_shown(labels)} {_number(value)}\n" for end, labels, value in samples]
    head = f"# HELP {name} {told}\n# TYPE {name} {kind}\n"
    return head + "".join(lines) if lines else ""


def _shown(labels: Named) -> str:
    """A label without a value is none."""
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items() if value]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if float(value).is_integer() else repr(float(value))
