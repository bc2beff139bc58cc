"""Content views: which flows they are for, what they show of them, and how a request is edited."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mitmproxy import contentviews, exceptions, http, io
from mitmproxy.contentviews import InteractiveContentview, Metadata
from mitmproxy.test import taddons, tflow, tutils

from bridge.mitm import flows, views
from tests.mitm.test_flows import BODY, call, exchange_of

ANSWER = {
    "id": "c1",
    "model": "gpt",
    "choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
SENT = "sent to       chat (openai_chat), by route routes[0]"
ASKED = "model         m\nmax tokens    9\n\n━━ user\n  hi"
TOLD = (
    "from          chat (openai_chat)\n"
    "times         first byte 1.00 s, all 1.00 s\n"
    "model         gpt\n"
    "usage         7 in, 2 out\n"
    "stop          stop\n\n"
    "━━ assistant\n"
    "  Hello."
)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    with taddons.context():
        views.register()
        yield


def bridged() -> http.HTTPFlow:
    """A call of Messages that Chat answered, as it is once it is over."""
    made = call()
    exchange = exchange_of(made)
    made.response = tutils.tresp(
        content=json.dumps(ANSWER).encode(),
        headers=http.Headers(((b"content-type", b"application/json"),)),
    )
    exchange.answered(200, flows.headers_of(made.response), 2.0)
    flows.reply_whole(made, exchange, 2.0)
    flows.show(made, exchange.trace)
    return made


def attempt() -> http.HTTPFlow:
    made = call(
        "/v1/chat/completions", "chat.example", messages=[{"role": "user", "content": "hi"}]
    )
    made.response = tutils.tresp(status_code=529, content=b'{"error":{"message":"busy"}}')
    made.metadata["bridge_attempt"] = {
        "of": "17",
        "upstream": "chat",
        "client": "anthropic_messages",
        "protocol": "openai_chat",
        "client_request": json.dumps(BODY),
    }
    return made


def look(made: http.HTTPFlow, message: http.Message | None, view: str = "auto") -> tuple[str, str]:
    assert message is not None
    found = contentviews.prettify_message(message, made, view)
    return found.view_name or "", found.text


# --- chosen for calls, never for other traffic


def test_a_call_is_shown_as_a_conversation_by_itself() -> None:
    made = bridged()
    assert look(made, made.response) == ("LLM", TOLD)
    name, text = look(made, made.request)
    assert name == "LLM" and text == f"{SENT}\n{ASKED}"


def test_a_call_that_the_bridge_has_not_seen_is_known_by_its_path() -> None:
    made = call()
    assert look(made, made.request) == ("LLM", ASKED)
    made.response = tutils.tresp(content=json.dumps(ANSWER).encode())
    assert look(made, made.response)[0] == "LLM"


@pytest.mark.parametrize(
    "path, content",
    [
        pytest.param("/api/messages", b'{"text":"an app of another kind"}', id="a path like ours"),
        pytest.param("/v1/messages", b"no JSON", id="no JSON"),
        pytest.param("/v1/messages", b"[]", id="a list"),
        pytest.param("/v1/messages", b"", id="nothing"),
        pytest.param("/v1/models", b'{"messages":[]}', id="another path"),
    ],
)
def test_other_traffic_is_left_to_the_other_views(path: str, content: bytes) -> None:
    made = call(path)
    made.request.content = content
    made.response = tutils.tresp(content=b'{"a":1}')
    for message in (made.request, made.response):
        assert not look(made, message)[0].startswith("LLM")
        name, text = look(made, message, "LLM")
        assert name == "LLM" and text.startswith("This is no LLM call.")


def test_no_other_kind_of_message_is_ours() -> None:
    tcp, websocket = tflow.ttcpflow(), tflow.twebsocketflow()
    assert websocket.websocket
    for message, made in ((tcp.messages[0], tcp), (websocket.websocket.messages[0], websocket)):
        for view in ("LLM", "LLM wire", "LLM events"):
            shown = contentviews.prettify_message(message, made, view)
            assert shown.view_name == view and shown.text
        assert contentviews.prettify_message(message, made).view_name not in ("LLM", None)
    for view in (views.Conversation(), views.Wire(), views.Events()):
        assert view.render_priority(b"x", Metadata()) < 0
        assert "This is no LLM call." in view.prettify(b"x", Metadata())


def test_the_other_views_wait_to_be_chosen() -> None:
    made = bridged()
    metadata = Metadata(flow=made, http_message=made.request)
    for view in (views.Wire(), views.Events()):
        assert view.render_priority(b"x", metadata) == 0


def test_to_load_the_addon_twice_replaces_the_views() -> None:
    before = contentviews.registry["llm"]
    views.register()
    assert contentviews.registry["llm"] is not before
    assert [name for name in contentviews.registry if name.startswith("llm")] == [
        "llm",
        "llm wire",
        "llm events",
    ]


# --- what they show


def test_both_sides_and_the_stream() -> None:
    made = bridged()
    for message in (made.request, made.response):
        name, text = look(made, message, "LLM wire")
        assert name == "LLM wire" and "chat (openai_chat)" in text and "messages" in text
        name, text = look(made, message, "LLM events")
        assert name == "LLM events" and "1 events from the upstream, 1 to the app" in text


def test_the_row_of_a_failed_attempt_shows_what_the_app_had_asked() -> None:
    made = attempt()
    assert look(made, made.request) == (
        "LLM",
        f"sent to       chat (openai_chat)\nattempt       of call 17\n{ASKED}",
    )
    assert look(made, made.response)[1].endswith("error\n  overloaded: busy")
    assert "app: nothing of it <- chat (openai_chat)" in look(made, made.request, "LLM wire")[1]
    assert look(made, made.response, "LLM events")[1].startswith("The app got nothing of it.\n\n")


def test_without_a_record_there_is_only_the_answer() -> None:
    made = call()
    assert look(made, made.request, "LLM wire")[1] == views.NO_RECORD
    made.response = tutils.tresp(content=b'data: {"type":"message_stop"}\n\n')
    assert "message_stop" in look(made, made.response, "LLM events")[1]
    made.response = None
    assert "No answer came" in look(made, made.request, "LLM events")[1]


def test_a_saved_flow_looks_the_same(tmp_path: Any) -> None:
    made, failed = bridged(), attempt()
    with (tmp_path / "flows.mitm").open("wb") as file:
        for saved in (made, failed):
            io.FlowWriter(file).add(saved)
    with (tmp_path / "flows.mitm").open("rb") as file:
        again = list(io.FlowReader(file).stream())
    for before, after in zip((made, failed), again, strict=True):
        assert isinstance(after, http.HTTPFlow)
        for view in ("LLM", "LLM wire", "LLM events"):
            assert look(after, after.request, view) == look(before, before.request, view)
            assert look(after, after.response, view) == look(before, before.response, view)


def test_an_answer_in_another_protocol_than_expected_is_read_by_what_it_says() -> None:
    """It was sent again, past the bridge."""
    made = bridged()
    made.response = tutils.tresp(content=json.dumps(ANSWER).encode())
    assert look(made, made.response)[1].endswith("  Hello.")


def test_tokens_that_the_app_was_not_told_are_taken_from_the_record() -> None:
    made = bridged()
    made.metadata["bridge"]["client"] = "openai_chat"
    quiet = {key: value for key, value in ANSWER.items() if key != "usage"}
    made.response = tutils.tresp(content=json.dumps(quiet).encode())
    assert "usage         7 in, 2 out" in look(made, made.response)[1]


@pytest.mark.parametrize("key", ["bridge", "bridge_attempt"])
@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        {},
        {"client": "x"},
        {"client": 7, "bodies": 7, "attempts": [7], "notes": {}, "usage": [], "timing": 7},
        {"client": "openai_chat", "client_request": "{", "bodies": {"client_request": 7}},
        {"client": "openai_chat", "bodies": {"client_request": '{"messages":[{"role":'}},
        {"client": "anthropic_messages", "upstream": [], "protocol": {}},
    ],
    ids=repr,
)
def test_whatever_a_flow_holds_is_shown(key: str, odd: Any) -> None:
    for content in (json.dumps(BODY).encode(), b'{"model":', b"\xff\x00", b"data: {\n\n"):
        made = call()
        made.metadata[key] = odd
        made.request.content = content
        made.response = tutils.tresp(content=content)
        for message in (made.request, made.response):
            for view in ("auto", "LLM", "LLM wire", "LLM events"):
                name, text = look(made, message, view)
                assert name and text and "Traceback" not in text and "not be shown" not in text


def test_a_view_that_fails_says_so_and_shows_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("an oversight")

    monkeypatch.setattr(views, "read_request", fail)
    made = call()
    name, text = look(made, made.request)
    assert name == "LLM" and text.startswith("This could not be shown: an oversight\n\n{")
    assert "a view failed" in caplog.text


# --- editing


def edit(made: http.HTTPFlow, old: str, new: str) -> Any:
    """As mitmproxy's console does it."""
    _, text = look(made, made.request, "LLM")
    assert text.count(old) == 1
    view = contentviews.registry["llm"]
    assert isinstance(view, InteractiveContentview)
    edited = text.replace(old, new)
    return json.loads(contentviews.reencode_message(edited, made.request, made, "LLM"))


def test_a_request_is_edited_in_its_own_protocol() -> None:
    assert edit(call(), "  hi", "  good morning,\n  all of you") == {
        **BODY,
        "messages": [{"role": "user", "content": "good morning,\nall of you"}],
    }


def test_what_went_upstream_is_edited_in_the_upstreams_words() -> None:
    made = bridged()
    sent = json.loads(made.request.content or b"")
    edited = edit(made, "  hi", "  ho")
    assert edited == {**sent, "messages": [{"role": "user", "content": "ho"}]}
    made.request.content = json.dumps(edited).encode()
    _, text = look(made, made.request)
    assert text.startswith(SENT) and text.endswith("\n  ho")
    assert edit(made, "  ho", "  hey")["messages"] == [{"role": "user", "content": "hey"}]


def test_a_request_at_a_path_that_does_not_tell_is_edited_too() -> None:
    made = bridged()
    made.request.path = "/openai/deployments/gpt"
    assert edit(made, "  hi", "  ho")["messages"] == [{"role": "user", "content": "ho"}]


def test_the_original_counts_where_mitmproxy_gives_it() -> None:
    made = call()
    view, changed = views.Conversation(), ASKED.replace("hi", "ho")
    original = json.dumps({**BODY, "stream": False}).encode()
    metadata = Metadata(flow=made, http_message=made.request, original_data=original)
    assert view.reencode(changed, metadata) == original.replace(b'"hi"', b'"ho"')


@pytest.mark.parametrize("told_as", [ValueError, exceptions.CommandError])
def test_what_cannot_be_edited_is_told_to_a_person(told_as: type[Exception]) -> None:
    made = bridged()
    with pytest.raises(told_as, match="line 5: 'hi' is no part of the request; text has to be ind"):
        edit(call(), "  hi", "hi")
    with pytest.raises(told_as, match="only a request can be edited"):
        contentviews.reencode_message("x", made.response, made, "LLM")
    other = call("/v1/models")
    with pytest.raises(told_as, match="This is no LLM call."):
        contentviews.reencode_message("x", other.request, other, "LLM")
