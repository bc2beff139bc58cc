"""Both wires: rows, notes in their place, and the text of it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given

from bridge.transform import PROTOCOLS, Protocol
from bridge.views.wire import (
    Section,
    attempt_sections,
    attempt_text,
    of_attempts,
    rows,
    sections,
    text,
)
from tests.views.exchanges import call, exchanges
from tests.views.odd import BODIES, NOTES, RECORDS, VALUES

REQUEST = {
    "model": "claude",
    "max_tokens": 5,
    "top_k": 40,
    "messages": [{"role": "user", "content": "hi"}],
}
SENT = {
    "model": "gpt",
    "max_completion_tokens": 5,
    "messages": [{"role": "user", "content": "hi"}],
}


def note(where: str, code: str = "sampling_dropped") -> dict[str, str]:
    return {"code": code, "where": where, "detail": "no", "severity": "degraded"}


def record(**fields: Any) -> dict[str, Any]:
    attempt = {"upstream": "up", "outcome": "ok", "status": 200}
    known = {"client": "anthropic_messages", "upstream": "openai_chat", "attempts": [attempt]}
    return {**known, "notes": [], **fields}


def bodies(**texts: Any) -> dict[str, Any]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in texts.items()}


def placed(left: Any, right: Any, *wheres: str) -> list[str]:
    """The places of the rows that the notes stand at, in the order of the notes."""
    notes = [note(where, f"code_{n}") for n, where in enumerate(wheres)]
    found = rows(json.dumps(left), json.dumps(right), notes)
    at = {told["code"]: row.path for row in found for told in row.notes}
    return [at[known["code"]] for known in notes]


# --- rows


def test_two_texts_are_rows() -> None:
    found = rows(json.dumps(REQUEST), json.dumps(SENT), [note("top_k")])
    assert [(r.kind, r.path, r.left, r.right, r.other) for r in found] == [
        ("changed", "model", '"claude"', '"gpt"', ""),
        ("same", "max_tokens", "5", "5", "max_completion_tokens"),
        ("left", "top_k", "40", "", ""),
        ("same", "messages[0].content", '"hi"', '"hi"', ""),
    ]
    assert found[2].notes == (note("top_k"),)


@pytest.mark.parametrize(
    "where, place",
    [
        pytest.param("top_k", "top_k", id="a field"),
        pytest.param("messages[0].content[0]", "messages[0].content[0].x", id="what is lost of it"),
        pytest.param("messages[0].content[0].text", "messages[0].content[0].text", id="that field"),
        pytest.param("messages[0]", "messages[0].content[0].x", id="what holds it"),
        pytest.param("messages[0].content[0].x.y[3]", "messages[0].content[0].x", id="inside it"),
        pytest.param("stop", "stop_sequences", id="by its name for all protocols"),
        pytest.param("safety_identifier", "metadata.user_id", id="by the upstream's name"),
        pytest.param("format.type", "output_config.format.type", id="by both"),
        pytest.param("verbosity", "text", id="in an object that is told as one"),
        pytest.param("messages", "", id="all messages"),
        pytest.param("", "", id="nowhere"),
        pytest.param("seed", "", id="what is not there"),
        pytest.param("messages[7].content", "", id="a message that is not there"),
        pytest.param("[", "", id="no place"),
    ],
)
def test_a_note_stands_at_its_place(where: str, place: str) -> None:
    left = {
        "top_k": 4,
        "stop_sequences": ["x"],
        "metadata": {"user_id": "u"},
        "text": {"verbosity": "low"},
        "output_config": {"format": {"type": "json_schema"}},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}],
    }
    right = {
        "user": "v",
        "response_format": {"type": "json_object"},
        "messages": [{"role": "user", "content": "a"}],
    }
    assert placed(left, right, where) == [place]


def test_notes_of_one_place_stand_together_and_those_of_none_come_first() -> None:
    assert placed(REQUEST, SENT, "seed", "top_k", "top_k") == ["", "top_k", "top_k"]
    found = rows(json.dumps(REQUEST), json.dumps(SENT), [note("seed")])
    assert (found[0].kind, found[0].path, found[0].notes) == ("same", "", (note("seed"),))


def test_what_stands_behind_the_end_of_a_cut_body_is_not_lost() -> None:
    turns = [{"role": "user", "content": f"turn {n}"} for n in range(9)]
    whole = json.dumps({"top_k": 4, "messages": turns})
    cut = json.dumps({"messages": turns}).partition("n 4")[0] + "\n[200 bytes more]"
    told = "4 more, for which the other side was not kept"
    *found, unknown, missing = rows(whole, cut)
    assert [row.kind for row in found] == ["left", *["same"] * 4, "changed"]
    assert (unknown.kind, unknown.left, unknown.right) == ("skip", told, "")
    assert missing.right == "200 bytes more that were not kept"
    *found, unknown, missing = rows(cut, whole, [note("messages[1]")])
    assert [row.kind for row in found] == ["right", *["same"] * 4, "changed"]
    assert (unknown.left, unknown.right) == ("", told)


@pytest.mark.parametrize(
    "left, right, end",
    [
        pytest.param('{"a":1}\n[5 bytes more]', '{"a":1}', ("5", ""), id="the left one"),
        pytest.param('{"a":1}', '{"a":1,"b":"x\n[1234 bytes more]', ("", "1,234"), id="the right"),
        pytest.param("a\n[5 bytes more]", "b\n[6 bytes more]", ("5", "6"), id="both, and no JSON"),
    ],
)
def test_how_much_was_not_kept_is_told(left: str, right: str, end: tuple[str, str]) -> None:
    *found, last = rows(left, right)
    assert found and last.kind == "skip"
    told = [f"{more} bytes more that were not kept" if more else "" for more in end]
    assert [last.left, last.right] == told


# --- sections


def told(found: list[Section]) -> list[tuple[str, str, str]]:
    return [(section.title, section.left, section.right) for section in found]


APP, UP = "app (anthropic_messages)", "up (openai_chat)"


@pytest.mark.parametrize(
    "given, kinds",
    [
        pytest.param(
            bodies(client_request=REQUEST, upstream_request=SENT),
            [["changed", "same", "left", "same"], []],
            id="nothing came yet",
        ),
        pytest.param(
            bodies(client_request=REQUEST), [["skip"], []], id="a request that went as it was"
        ),
        pytest.param(
            bodies(client_request={}, upstream_response={"a": 1}, client_response={"b": 2}),
            [[], ["right", "left"]],
            id="an answer that was translated",
        ),
        pytest.param(
            bodies(upstream_response={"a": 1}), [[], ["same"]], id="an answer that went as it was"
        ),
        pytest.param(
            bodies(client_response={"a": 1}), [[], ["left"]], id="an answer of the bridge's own"
        ),
        pytest.param({}, [[], []], id="nothing at all"),
    ],
)
def test_a_record_is_two_pairs(given: dict[str, str], kinds: list[list[str]]) -> None:
    found = sections(record(bodies=given))
    assert told(found) == [("request", APP, UP), ("answer", APP, UP)]
    assert [[row.kind for row in section.rows] for section in found] == kinds
    assert json.loads(json.dumps([section.as_dict() for section in found]))


def test_streams_are_compared_as_what_they_tell() -> None:
    upstream = 'data: {"choices":[{"delta":{"content":"h"}}]}\n\n'
    upstream += 'data: {"choices":[{"delta":{"content":"i"},"finish_reason":"stop"}]}\n\n'
    client = (
        'data: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":"hi"}}\n\n'
    )
    given = bodies(upstream_response=upstream, client_response=client)
    answer = sections(record(bodies=given))[-1]
    assert (answer.left, answer.right) == (f"{APP}, its stream joined", f"{UP}, its stream joined")
    assert [(row.kind, row.path, row.other) for row in answer.rows] == [
        ("right", "choices[0].finish_reason", ""),
        ("same", "content[0].text", "choices[0].message.content"),
    ]


@pytest.mark.parametrize(
    "where, title, place",
    [
        pytest.param("top_k", "request", "top_k", id="of the request"),
        pytest.param("finish_reason", "answer", "stop_reason", id="of the answer"),
        pytest.param("usage.x", "request", "", id="of neither"),
    ],
)
def test_a_note_stands_where_the_thing_happened(where: str, title: str, place: str) -> None:
    given = bodies(
        client_request=REQUEST,
        upstream_request=SENT,
        upstream_response={"choices": [{"finish_reason": "eos"}]},
        client_response={"stop_reason": "end_turn"},
    )
    found = sections(record(bodies=given, notes=[note(where)]))
    at = [(section.title, row.path) for section in found for row in section.rows if row.notes]
    assert at == [(title, place)]


def test_attempts_that_failed_come_first() -> None:
    attempts = [
        {
            "upstream": "a",
            "outcome": "error",
            "status": 429,
            "reason": "no",
            "duration": 0.5,
        },
        {"upstream": "b", "outcome": "unreachable", "status": 0, "reason": "", "duration": 1},
        {"upstream": "c", "outcome": "ok", "status": 200},
    ]
    failed, *rest = sections(record(attempts=attempts))
    assert failed.title == "failed attempts"
    assert [(row.kind, row.path, row.right) for row in failed.rows] == [
        ("right", "a", "error 429 after 0.50 s: no"),
        ("right", "b", "unreachable after 1.00 s"),
    ]
    assert [section.right for section in rest] == ["c (openai_chat)"] * 2


def test_an_attempt_that_failed_has_bodies_of_its_own() -> None:
    attempt = {
        "of": "1",
        "upstream": "up",
        "client": "anthropic_messages",
        "protocol": "openai_chat",
        "client_request": json.dumps(REQUEST),
    }
    refused = json.dumps({"error": {"message": "slow down"}})
    request, answer = attempt_sections(attempt, json.dumps(SENT), refused)
    assert told([request, answer]) == [
        ("request", APP, UP),
        ("answer", "app: nothing of it", UP),
    ]
    assert [row.kind for row in request.rows] == ["changed", "same", "left", "same"]
    assert [(row.kind, row.right) for row in answer.rows] == [("right", '{"message":"slow down"}')]
    assert '- error: {"message":"slow down"}' in attempt_text(attempt, json.dumps(SENT), refused)


def test_earlier_attempts_have_their_wires() -> None:
    refused = {"error": {"message": "slow down"}}
    attempts = [
        {
            "upstream": "up",
            "outcome": "error",
            "protocol": "openai_chat",
            "bodies": bodies(upstream_request=SENT, upstream_response=refused),
        },
        {"upstream": "own", "outcome": "ok", "protocol": "anthropic_messages"},
        {
            "upstream": "own",
            "outcome": "ok",
            "protocol": "anthropic_messages",
            "bodies": bodies(upstream_response={"content": []}),
        },
        {"upstream": "up", "outcome": "unreachable", "bodies": bodies(upstream_request=SENT)},
    ]
    given = bodies(client_request=REQUEST)
    error, nothing, own, unreachable = of_attempts(record(attempts=attempts, bodies=given))
    assert told(error) == [("request", APP, UP), ("answer", "app: nothing of it", UP)]
    assert [row.kind for row in error[0].rows] == ["changed", "same", "left", "same"]
    assert nothing == [] and [section.title for section in unreachable] == ["request"]
    assert not any(row.kind == "left" for row in own[0].rows), "sent as it came"
    assert own[1].left == "app: within its answer"
    assert [found[-1].back for found in (error, own)] == [True, False], "what got lost is a loss"


@pytest.mark.parametrize(
    "shadow, kinds, noted",
    [
        pytest.param(
            {"request": json.dumps(SENT), "notes": [note("top_k")]},
            ["changed", "same", "left", "same"],
            [note("top_k")],
            id="what it would have been sent",
        ),
        pytest.param(
            {"refused": "no images"},
            ["same"],
            [{"code": "refused", "detail": "no images"}],
            id="why it would have been sent nothing",
        ),
    ],
)
def test_a_shadow_is_a_pair_with_what_the_app_sent(
    shadow: dict[str, Any], kinds: list[str], noted: list[Any]
) -> None:
    told_of = {"upstream": "b", "protocol": "openai_chat", **shadow}
    given = bodies(client_request=REQUEST)
    *_, last = sections(record(bodies=given, shadow=told_of))
    assert told([last]) == [("shadow", APP, "b (openai_chat)")]
    assert [row.kind for row in last.rows] == kinds
    assert [each for row in last.rows for each in row.notes] == noted


# --- text


def test_the_text_tells_all_of_it() -> None:
    attempts = [
        {"upstream": "a", "outcome": "error", "status": 429, "reason": "slow", "duration": 0.5},
        {"upstream": "up", "outcome": "ok"},
    ]
    given = bodies(
        client_request={
            **REQUEST,
            "metadata": {"user_id": "u" * 120},
            "system": [{"type": "text", "text": "w" * 100}],
        },
        upstream_request={**SENT, "safety_identifier": "v" * 64, "n": 1},
        upstream_response='{"id":"x","object":"chat.completion\n[7 bytes more]',
        client_response={"id": "x", "content": [{"type": "text", "text": "hi"}]},
    )
    notes = [note("top_k"), note("seed"), {"code": "hint_dropped", "where": ""}]
    assert text(record(attempts=attempts, bodies=given, notes=notes)) == "\n".join(
        [
            "~ changed   - left out on the way   + put in on the way   = under another name",
            "",
            "== failed attempts",
            "+ a: error 429 after 0.50 s: slow",
            "",
            "== request: app (anthropic_messages) -> up (openai_chat)",
            "    ! sampling_dropped (degraded) at seed: no",
            "    ! hint_dropped",
            '~ model: "claude" -> "gpt"',
            "  max_tokens = max_completion_tokens: 5",
            "- top_k: 40",
            "    ! sampling_dropped (degraded): no",
            "~ metadata.user_id = safety_identifier",
            '    "' + "u" * 50 + " … 120 characters … " + "u" * 24 + '"',
            ' -> "' + "v" * 64 + '"',
            "+ n: 1",
            "- system[0]",
            '    {"type":"text","text":"' + "w" * 27 + " … 125 characters … " + "w" * 22 + '"}',
            '  messages[0].content: "hi"',
            "",
            "== answer: app (anthropic_messages) <- up (openai_chat)",
            '  id: "x"',
            "  ... app: 1 more, for which the other side was not kept",
            "  ... upstream: 7 bytes more that were not kept",
            "",
        ]
    )


def test_the_text_of_what_is_the_same_is_short() -> None:
    same = bodies(client_request=REQUEST, upstream_response={"tools": [{"strict": 1}] * 9})
    shown = text(record(bodies=same)).splitlines()
    assert shown[2:] == [
        f"== request: {APP} -> {UP}",
        "  ... 4 the same",
        "",
        f"== answer: {APP} <- {UP}",
        "  ... 9 the same",
    ]


def test_the_text_of_what_happened_to_many_says_to_how_many() -> None:
    tools = [{"name": f"f{n}"} for n in range(9)]
    sent = [{**tool, "strict": 0} for tool in tools]
    given = bodies(client_request={"tools": tools}, upstream_request={"tools": sent})
    assert "+ tools[0].strict (and 8 more): 0" in text(record(bodies=given)).splitlines()


def test_signs_of_an_answer_are_by_the_way_it_went() -> None:
    came, told = {"id": "x", "model": "gpt", "odd": 7}, {"id": "x", "model": "c", "other": 8}
    given = bodies(client_request=REQUEST, upstream_response=came, client_response=told)
    shown = text(record(bodies=given)).partition("== answer")[2].splitlines()
    assert sorted(shown[1:]) == ['  id: "x"', "+ other: 8", "- odd: 7", '~ model: "c" <- "gpt"']
    wide = text(record(bodies=bodies(upstream_response=["u" * 60], client_response=["v" * 60])))
    assert f'\n <- "{"u" * 60}"\n' in wide


def test_what_was_refused_was_not_sent() -> None:
    request, _ = sections(record(bodies=bodies(client_request=REQUEST), attempts=[]))
    assert {row.kind for row in request.rows} == {"left"}


def test_no_line_of_the_text_can_move_the_cursor() -> None:
    attempts = [{"upstream": "\x1b", "outcome": "error", "reason": "a\nb"}]
    given = bodies(client_request={"a\nb": 1, "\x1b[2J": 2})
    notes = [{"code": "x", "where": "a\nb", "detail": "c\nd"}]
    shown = text(record(attempts=attempts, bodies=given, notes=notes))
    assert "\x1b" not in shown and "    ! x: c\ufffdd" in shown.split("\n")


def test_a_record_of_nothing_is_told_too() -> None:
    assert text({}).splitlines()[2:] == ["== request: app ->", "  (nothing)"] + [
        "",
        "== answer: app <-",
        "  (nothing)",
    ]


# --- whatever it is


@given(RECORDS)
def test_every_record_has_a_text(given_record: dict[str, Any]) -> None:
    assert json.dumps([section.as_dict() for section in sections(given_record)])
    assert text(given_record, width=60).startswith("~")


@given(BODIES, BODIES, NOTES, VALUES)
def test_every_two_texts_have_rows(left: str, right: str, notes: Any, odd: Any) -> None:
    noted = [entry for entry in notes if isinstance(entry, dict)]
    found = rows(left, right, notes)
    assert sum(len(row.notes) for row in found) == len(noted)
    assert {row.kind for row in rows(left, left)} <= {"same", "skip"}
    assert attempt_text({"client_request": odd, "client": odd}, left, right)


@pytest.mark.parametrize(
    "before, opening, closing, after",
    [
        pytest.param(
            '{"messages":[{"role":"user","content":',
            '[{"type":"tool_result","content":',
            "}]",
            "}]}",
            id="results in results",
        ),
        pytest.param(
            '{"input":[', '{"type":"reasoning","summary":[', "]}", "]}", id="reasoning in reasoning"
        ),
        pytest.param(
            '{"messages":[{"role":"user","content":[',
            '{"type":"file","file":',
            "}",
            "]}]}",
            id="files in files",
        ),
        pytest.param('{"tools":[', '{"name":"n","tools":[', "]}", "]}", id="tools in tools"),
        pytest.param(
            'data: {"choices":[{"delta":{"content":',
            '[{"text":',
            "}]",
            "}}]}\n\n",
            id="parts in parts of a stream",
        ),
        pytest.param(
            'data: {"choices":[{"delta":{"tool_calls":[',
            '{"function":',
            "}",
            "]}}]}\n\n",
            id="calls in calls of a stream",
        ),
    ],
)
def test_bodies_may_be_as_deep_as_they_like(
    before: str, opening: str, closing: str, after: str
) -> None:
    left = before + opening * 3_000 + "1" + closing * 3_000 + after
    right = before + opening * 3_000 + "2" + closing * 3_000 + after
    assert rows(left * 2, right * 2) and {row.kind for row in rows(left, right)} != {"skip"}


ALL = pytest.param(1, id="all", marks=pytest.mark.long)
SOME = pytest.param(50, id="every fiftieth")


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_recorded_traffic_is_shown_with_every_note(protocol: Protocol, step: int) -> None:
    for name, found in exchanges(protocol, step):
        shown = sections(found)
        notes = [told for section in shown for row in section.rows for told in row.notes]
        assert sorted(map(str, notes)) == sorted(map(str, found["notes"])), name
        widths = [len(line) for line in text(found).splitlines() if not line.startswith("    !")]
        assert max(widths) < 250, name


# Of the processor. It takes a third of a second; with coverage, on a busy machine, a whole one.
AT_MOST = 3.0


def test_a_megabyte_takes_no_time_to_speak_of() -> None:
    turns: list[dict[str, Any]] = []
    for n in range(2_500):
        use = {"type": "tool_use", "id": f"t{n}", "name": "f", "input": {"path": f"/tmp/{n}"}}
        turns.append({"role": "assistant", "content": [{"type": "text", "text": f"{n}"}, use]})
        result = {"type": "tool_result", "tool_use_id": f"t{n}", "content": f"{n} lines " * 20}
        turns.append({"role": "user", "content": [result]})
    body = {"model": "m", "max_tokens": 5, "messages": turns}
    large = call("anthropic_messages", "openai_chat", body)
    assert len(large["bodies"]["client_request"]) > 1_000_000
    begun = time.process_time()
    shown = sections(large)
    assert time.process_time() - begun < AT_MOST
    assert sum(row.count for row in shown[0].rows) > 9_000


def test_what_a_shadow_would_be_sent_stands_behind_the_answer() -> None:
    shadow = {"upstream": "s", "protocol": "openai_chat", "notes": [note("top_k")]}
    known = record(
        bodies=bodies(client_request=REQUEST, upstream_request=REQUEST),
        shadow={**shadow, "request": json.dumps(SENT), "refused": ""},
    )
    found = sections(known)[-1]
    assert (found.title, found.right) == ("shadow", "s (openai_chat)")
    [lost] = [row for row in found.rows if row.notes]
    assert (lost.kind, lost.path) == ("left", "top_k")
    assert "== shadow: app (anthropic_messages) -> s (openai_chat)" in text(known)


def test_why_a_shadow_would_be_sent_nothing() -> None:
    known = record(bodies=bodies(client_request=REQUEST), shadow={"refused": "an image"})
    [row] = sections(known)[-1].rows
    assert row.notes[0]["detail"] == "an image" and "refused: an image" in text(known)
