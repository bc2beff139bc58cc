"""What apps that speak Messages send."""

from .specimen import Json, Specimen, Specimens, each, sealed

LEAST: Json = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi"}],
}
DATA = "aGVsbG8="
PNG = {"type": "base64", "media_type": "image/png", "data": DATA}
PDF = {"type": "base64", "media_type": "application/pdf", "data": DATA}
LINK = {"type": "url", "url": "https://host.example/a"}
KEPT = {"type": "file", "file_id": "file_1"}
CITED = {"citations": {"enabled": True}}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "required": ["a"], "additionalProperties": False}
MARK = {"cache_control": {"type": "ephemeral"}}
SERVER = {"type": "url", "name": "docs", "url": "https://mcp.example"}
TOOL_ADDITION = {
    "type": "tool_addition",
    "tool": {"type": "tool_definition", "definition": {"name": "look", "input_schema": OPEN}},
}
SERVER_CALL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
SERVER_RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def image(source: Json) -> Json:
    return {"type": "image", "source": source}


def document(source: Json, **fields: Json) -> Json:
    return {"type": "document", "source": source, **fields}


def told(*blocks: Json) -> Specimen:
    """By the user."""
    return Specimen({"messages": [{"role": "user", "content": list(blocks)}]})


def said(*blocks: Json) -> Specimen:
    """By the model, in an earlier answer."""
    answer = {"role": "assistant", "content": [*blocks, text("Yes.")]}
    return Specimen({"messages": [*LEAST["messages"], answer, *LEAST["messages"]]})


def gave(*content: Json, **fields: Json) -> Specimen:
    """A tool, to a call."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": list(content), **fields}
    turns = [("assistant", [call]), ("user", [result])]
    messages = [{"role": role, "content": blocks} for role, blocks in turns]
    return Specimen({"messages": [*LEAST["messages"], *messages]})


def late(**message: Json) -> Specimen:
    """System text behind the first message."""
    return Specimen({"messages": [*LEAST["messages"], {"role": "system", **message}]})


def offers(*tools: Json, **fields: Json) -> Specimen:
    return Specimen({"tools": list(tools), **fields})


def function(schema: Json = OPEN, **fields: Json) -> Json:
    return {"name": "look", "input_schema": schema, **fields}


def built_in(kind: str, name: str, **fields: Json) -> Json:
    return {"type": kind, "name": name, **fields}


def thinks(kind: str, **fields: Json) -> Specimen:
    return Specimen({"thinking": {"type": kind, **fields}})


def output(*, older: bool = False, **config: Json) -> Specimen:
    return Specimen({"output_config": config}, older)


def schema(schema: Json) -> Specimen:
    return output(format={"type": "json_schema", "schema": schema})


def edit(kind: str) -> Specimen:
    return Specimen({"context_management": {"edits": [{"type": kind}]}})


FOUND = {"type": "search_result", "source": "https://a", "title": "A", "content": [text("a")]}
SEARCH = built_in("web_search_20250305", "web_search")
STOPS = ["a", "b", "c", "d", "e"]

SPECIMENS: Specimens = {
    "limits and sampling": {
        "`max_tokens`": Specimen({"max_tokens": 50}),
        "`max_tokens: 0`, which fills the cache": Specimen({"max_tokens": 0}),
        **each(temperature=0.5, top_p=0.9),
        **each(temperature=0.5, top_p=0.9, older=True),
        **each(top_k=40, stop_sequences=["END"]),
        **each(stop_sequences=["END"], older=True),
        "more than four of them": Specimen({"stop_sequences": STOPS}, older=True),
    },
    "thinking": {
        "`adaptive`": thinks("adaptive"),
        "`effort`": output(effort="high"),
        "`effort: max`": output(effort="max"),
        "`effort` for an older model": output(effort="high", older=True),
        "an unknown `effort`": output(effort="heroic"),
        "`enabled` with a budget": thinks("enabled", budget_tokens=2048),
        "`disabled`": thinks("disabled"),
        "`between_tools`": thinks("between_tools"),
        "`display`": thinks("adaptive", display="summarized"),
    },
    "system text": {
        "one text": Specimen({"system": "Be brief."}),
        "several": Specimen({"system": [text("Be brief."), text("Be kind.")]}),
        "behind the first message": late(content="Be brief."),
        "another `effort` from there on": late(content="", output_config={"effort": "low"}),
        "tools defined there": late(content=[TOOL_ADDITION]),
        "tools added or removed there": late(
            content=[
                {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "look"}},
                text("Go on."),
            ]
        ),
        "the billing line of Claude Code": Specimen(
            {"system": [text("x-anthropic-billing-header: cc_version=1;"), text("Be brief.")]}
        ),
    },
    "content": {
        "text": told(text("Hi")),
        "images": told(image(PNG)),
        "images by URL": told(image(LINK)),
        "PDF": told(document(PDF)),
        "PDF by URL": told(document(LINK)),
        "documents of text": told(
            document({"type": "text", "media_type": "text/plain", "data": "a"})
        ),
        "documents of blocks": told(document({"type": "content", "content": [image(PNG)]})),
        "documents to be cited": told(document(PDF, **CITED)),
        "search results": told(FOUND),
        "search results to be cited": told({**FOUND, **CITED}),
        "images by `file_id`": told(image(KEPT)),
        "documents by `file_id`": told(document(KEPT)),
        "`container_upload`": told({"type": "container_upload", "file_id": "file_1"}),
        "an unknown block": told({"type": "hologram"}),
        "an unknown key of a block": told({**text("Hi"), "volume": 11}),
    },
    "the conversation so far": {
        "calls and results": gave(text("42")),
        "`is_error`": gave(text("no"), is_error=True),
        "images in results": gave(image(PNG)),
        "documents in results": gave(document(PDF)),
        "`tool_reference` in results": gave({"type": "tool_reference", "tool_name": "look"}),
        "`browser_state` in results": gave({"type": "browser_state"}),
        "a call without a result": Specimen(
            {
                "messages": [
                    *LEAST["messages"],
                    {"role": "assistant", "content": [{**built_in("tool_use", "look"), "id": "t"}]},
                    *LEAST["messages"],
                ]
            }
        ),
        "a result without a call": told(
            {"type": "tool_result", "tool_use_id": "t", "content": "42"}
        ),
        "thinking that another upstream signed": said(
            {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
        ),
        "state that the bridge sealed, damaged": said(
            {
                "type": "redacted_thinking",
                "data": sealed("openai_chat", "elsewhere", {})[:-1] + "-",
            }
        ),
        "calls and results of server tools": said(SERVER_CALL, SERVER_RESULT),
        "citations": said(
            {
                **text("So."),
                "citations": [{"type": "char_location", "cited_text": "a", "document_index": 0}],
            }
        ),
        "documents in an answer": said(document(PDF)),
        "`compaction` blocks": said({"type": "compaction", "content": "We met."}),
        "an unknown block of an answer": said({"type": "hologram"}),
        "the beginning of the answer (prefill)": Specimen(
            {"messages": [*LEAST["messages"], {"role": "assistant", "content": "It is"}]}
        ),
    },
    "tools": {
        "functions": offers(function()),
        "`strict`, all keys required": offers(function(CLOSED, strict=True)),
        "`strict`, others": offers(function(strict=True)),
        "`input_examples`": offers(function(input_examples=[{"a": "b"}])),
        "`defer_loading`": offers(function(defer_loading=True)),
        "`bash`": offers(built_in("bash_20250124", "bash")),
        "text editor": offers(built_in("text_editor_20250728", "str_replace_based_edit_tool")),
        "`memory`": offers(built_in("memory_20250818", "memory")),
        "`computer`": offers(
            built_in("computer_20251124", "computer", display_width_px=9, display_height_px=9)
        ),
        "`computer_toolset`": offers({"type": "computer_toolset_20260801"}),
        "`browser_toolset`": offers({"type": "browser_toolset_20260801"}),
        "web search": offers(SEARCH),
        "rules of a web search": offers({**SEARCH, "max_uses": 3, "blocked_domains": ["a.com"]}),
        "tool search": offers(
            built_in("tool_search_tool_bm25_20251119", "tool_search_tool_bm25"), function()
        ),
        "web fetch": offers(built_in("web_fetch_20260318", "web_fetch")),
        "code execution": offers(built_in("code_execution_20260521", "code_execution")),
        "advisor": offers(built_in("advisor_20260301", "advisor")),
        "MCP servers": offers(
            {"type": "mcp_toolset", "mcp_server_name": "docs"}, mcp_servers=[SERVER]
        ),
        "MCP servers, some tools forbidden": offers(
            {
                "type": "mcp_toolset",
                "mcp_server_name": "docs",
                "configs": {"delete": {"enabled": False}},
            },
            mcp_servers=[SERVER],
        ),
        "`tool_choice`": offers(function(), tool_choice={"type": "tool", "name": "look"}),
        "`disable_parallel_tool_use`": offers(
            function(), tool_choice={"type": "auto", "disable_parallel_tool_use": True}
        ),
        "a server tool forced": offers(
            built_in("web_fetch_20260318", "web_fetch"),
            function(),
            tool_choice={"type": "tool", "name": "web_fetch"},
        ),
    },
    "the form of the answer": {
        "`format`, all keys required": schema(CLOSED),
        "`format`, others": schema(OPEN),
        "`task_budget`": output(task_budget={"type": "tokens", "total": 9000}),
    },
    "the service": {
        "`cache_control`": Specimen({**MARK, "system": [{**text("Be brief."), **MARK}]}),
        "`cache_control` of tools": offers(function(**MARK)),
        "`metadata.user_id`": Specimen({"metadata": {"user_id": "u"}}),
        **each(service_tier="standard_only"),
        "an unknown `service_tier`": Specimen({"service_tier": "platinum"}),
        "`speed: fast`": Specimen({"speed": "fast"}),
        **each(
            diagnostics={"previous_message_id": "msg_1"},
            inference_geo="eu",
            container="c",
            fallbacks="default",
            fallback_credit_token="t",
            billing_policy={"type": "t", "bill_to": "b"},
        ),
        "a new `thread`": Specimen({"thread": {"type": "create"}}),
        "a `thread` that goes on": Specimen(
            {"thread": {"type": "continue", "previous_message_id": "msg_1"}}
        ),
        "compaction of the context": edit("compact_20260112"),
        "clearing of the context": edit("clear_tool_uses_20250919"),
        "unknown fields": Specimen({"mood": "blue"}),
    },
}
