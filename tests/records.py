"""Records of finished calls, as they are left behind by the bridge."""

import json
from typing import Any

from hypothesis import strategies as st


def attempt(
    upstream: str = "up", outcome: str = "ok", status: int = 200, started: float = 0.0
) -> dict[str, Any]:
    times = {"started": started, "duration": 2.0}
    return {"upstream": upstream, "outcome": outcome, "status": status, "reason": "", **times}


def note(code: str, severity: str) -> dict[str, str]:
    return {"code": code, "where": "", "detail": "", "severity": severity}


def record(*attempts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A call that was answered by one upstream at once, but for what is given."""
    usual = {
        "started": 1_000.0,
        "conversation": "c",
        "client": "anthropic_messages",
        "upstream": "openai_chat",
        "route": "main",
        "model": {"asked": "claude", "used": "gpt"},
        "attempts": list(attempts) or [attempt()],
        "notes": [],
        "usage": {"input_tokens": 100, "output_tokens": 10, "cache_read_tokens": 60},
        "timing": {"first_byte": 0.5, "first_content": 1.0, "last": 2.0},
        "timeline": [[0.5, 10, 0], [2.0, 20, 20]],
        "stop": "stop",
        "bodies": {},
    }
    return {**usual, **fields}


def asking(*texts: str, protocol: str = "anthropic_messages", **fields: Any) -> str:
    """A request in which user and assistant took turns to say `texts`."""
    roles = ("user", "assistant")
    turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    key = "input" if protocol == "openai_responses" else "messages"
    return json.dumps({"model": "claude", key: turns, **fields})


# Whatever calls may leave: few names, so that they meet, and odd ones.
NAMES = st.sampled_from(["up", "backup", "up#2", "", 'a"\\\n'])
OUTCOMES = ("ok", "error", "unreachable", "timeout", "cut", "refused", "busy", "cancelled")
ATTEMPTS = st.builds(
    attempt, NAMES, st.sampled_from(OUTCOMES), st.sampled_from([0, 200, 429, 500]), st.floats(0, 9)
)
NOTES = st.sampled_from(
    [
        note("item_dropped", "lost"),
        note("effort_clamped", "degraded"),
        note("hint_dropped", "cosmetic"),
    ]
)
COUNTS = st.integers(0, 10**7)
FIELDS = {
    "started": st.floats(0, 200_000),
    "conversation": st.sampled_from(["", "a", "b", "c"]),
    "route": NAMES,
    "model": st.fixed_dictionaries({"asked": NAMES, "used": NAMES}),
    "attempts": st.lists(ATTEMPTS, max_size=4),
    "notes": st.lists(NOTES, max_size=3),
    "usage": st.dictionaries(
        st.sampled_from(["input_tokens", "output_tokens", "cache_read_tokens"]), COUNTS
    ),
    "timing": st.dictionaries(
        st.sampled_from(["first_byte", "first_content", "last"]), st.floats(0, 900)
    ),
    "bodies": st.dictionaries(
        st.sampled_from(["client_request", "upstream_response"]), st.text(max_size=400)
    ),
}
RECORDS = st.fixed_dictionaries({}, optional={"client": st.just("openai_chat"), **FIELDS})
