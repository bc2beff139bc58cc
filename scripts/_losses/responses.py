"""What apps that speak Responses send."""

from .chat import BOUNDED, MAP, TREE, data
from .messages import CLOSED, DATA, OPEN
from .specimen import Json, Specimen, Specimens, each

HI = {"role": "user", "content": "Hi"}
LEAST: Json = {"model": "gpt-6.2-sol", "input": "Hi"}
ANSWER = {"role": "assistant", "content": "Yes."}
CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}


def items(*given: Json) -> Specimen:
    return Specimen({"input": list(given)})


def told(*parts: Json) -> Specimen:
    return items({"role": "user", "content": list(parts)})


def did(*given: Json) -> Specimen:
    """The model, in an earlier answer."""
    return items(HI, *given, ANSWER, HI)


def ran(name: str, **fields: Json) -> Specimen:
    """The app, what the model called."""
    call = {"type": name, "call_id": "call_1", "status": "completed", **fields}
    return items(HI, call, {"type": f"{name}_output", "call_id": "call_1", "output": "done"})


def gave(output: Json) -> Specimen:
    """A tool, to a call."""
    return items(HI, CALL, {"type": "function_call_output", "call_id": "call_1", "output": output})


def offers(*tools: Json, **fields: Json) -> Specimen:
    return Specimen({"tools": list(tools), **fields})


def function(schema: Json = OPEN, name: str = "look", **fields: Json) -> Json:
    return {"type": "function", "name": name, "parameters": schema, **fields}


def namespace(name: str, *tools: Json) -> Json:
    return {"type": "namespace", "name": name, "description": "", "tools": list(tools)}


def schema(schema: Json) -> Specimen:
    return Specimen({"text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}})


def reasons(*, older: bool = False, **fields: Json) -> Specimen:
    return Specimen({"reasoning": fields}, older)


def picture(**fields: Json) -> Json:
    return {"type": "input_image", "detail": "auto", **fields}


def file(**fields: Json) -> Json:
    return {"type": "input_file", **fields}


def kind(name: str, /, **fields: Json) -> Json:
    return {"type": name, **fields}


SEARCH = kind("web_search")
SKILLS = kind("local", skills=[{"name": "n", "description": "d", "path": "p"}])
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}
SERVER = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example"}
LATE = {"type": "additional_tools", "role": "developer", "tools": [function()]}

SPECIMENS: Specimens = {
    "limits and sampling": {
        **each(max_output_tokens=50),
        "`max_output_tokens` above the model's most": Specimen(
            {"max_output_tokens": 500_000}, older=True
        ),
        "`prewarm`, which fills the cache": Specimen({"prompt_cache_options": {"prewarm": True}}),
        **each(temperature=0.5, top_p=0.9),
        **each(temperature=0.5, top_p=0.9, older=True),
        **each(top_logprobs=3),
        "`truncation: auto`": Specimen({"truncation": "auto"}),
    },
    "reasoning": {
        "`effort`": reasons(effort="high"),
        "`effort: minimal`": reasons(effort="minimal"),
        "`effort: none`": reasons(effort="none"),
        "`effort` for an older model": reasons(effort="high", older=True),
        "`summary`": reasons(summary="auto"),
        "`mode: pro`": reasons(mode="pro"),
        "`context`": reasons(context="all_turns"),
        "`effort` changed on the way": items(
            HI, {"type": "configuration_update", "reasoning": {"effort": "low"}}
        ),
    },
    "system text": {
        **each(instructions="Be brief."),
        "developer messages": items({"role": "developer", "content": "Be brief."}, HI),
        "behind the first message": items(HI, {"role": "developer", "content": "Be brief."}),
        "between two of the user's": items(HI, {"role": "developer", "content": "Be brief."}, HI),
        "alone": items({"role": "developer", "content": "Be brief."}),
    },
    "content": {
        "text": told({"type": "input_text", "text": "Hi"}),
        "images": told(picture(image_url=data("image/png"))),
        "images by URL": told(picture(image_url="https://host.example/a.png")),
        "images by `file_id`": told(picture(file_id="file-1")),
        "images of other types (BMP, TIFF, ...)": told(picture(image_url=data("image/bmp"))),
        "PDF": told(file(filename="a.pdf", file_data=data("application/pdf"))),
        "text files": told(file(filename="a.txt", file_data=data("text/plain"))),
        "files of other types": told(file(filename="a.zip", file_data=data("application/zip"))),
        "files by URL": told(file(file_url="https://host.example/a.pdf")),
        "files by `file_id`": told(file(file_id="file-1")),
        "`input_audio`": told(
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}
        ),
        "an unknown part": told({"type": "input_hologram"}),
        "unknown keys of a part": told({"type": "input_text", "text": "Hi", "volume": 11}),
    },
    "the conversation so far": {
        "calls and results": gave("42"),
        "images in results": gave([picture(image_url=data("image/png"))]),
        "a call without a result": items(HI, CALL, HI),
        "a result without a call": items(
            HI, {"type": "function_call_output", "call_id": "call_9", "output": "42"}
        ),
        "a result that names its tool": items(
            HI, {"type": "function_call_output", "name": "look", "output": "42"}
        ),
        "encrypted reasoning of another upstream": did(
            {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
        ),
        "`compaction` of another upstream": did(
            {"type": "compaction", "encrypted_content": "gAAAA"}
        ),
        "calls of hosted tools": did(
            kind("web_search_call", id="ws_1", status="completed"),
            kind("code_interpreter_call", id="ci_1", status="completed"),
        ),
        "calls of `local_shell`": ran("local_shell_call", action={"command": ["ls"]}),
        "calls of `shell`": ran("shell_call", action={"commands": ["ls"]}),
        "calls of `apply_patch`": ran(
            "apply_patch_call", operation={"type": "delete_file", "path": "a"}
        ),
        "calls of `computer`": did(
            {"type": "computer_call", "id": "cu_1", "call_id": "call_1", "action": {}}
        ),
        "unknown items": did({"type": "hologram", "id": "h_1"}),
        "unknown keys of an item": items({"type": "message", **HI, "volume": 11}),
        "an answer last": items(HI, ANSWER),
        "`item_reference`": items(HI, {"type": "item_reference", "id": "msg_1"}),
        **each(previous_response_id="resp_1", conversation="conv_1", prompt={"id": "pmpt_1"}),
    },
    "tools": {
        "functions": offers(function()),
        "`parallel_tool_calls`": offers(function(), parallel_tool_calls=False),
        "`strict`": offers(function(CLOSED, strict=True)),
        "`strict`, rules for numbers or texts": offers(function(BOUNDED, strict=True)),
        "namespaces": offers(namespace("files", function())),
        "names that become one": offers(
            namespace("a", function(name="b__c")), namespace("a__b", function(name="c"))
        ),
        "freeform tools": offers(kind("custom", name="run")),
        "freeform tools with a grammar": offers(kind("custom", name="run", format=GRAMMAR)),
        "`local_shell`": offers(kind("local_shell")),
        "`shell`": offers(kind("shell", environment=kind("local"))),
        "`shell` with skills": offers(kind("shell", environment=SKILLS)),
        "`apply_patch`": offers(kind("apply_patch")),
        "tool search by the app": offers(kind("tool_search", execution="client", parameters=OPEN)),
        "tool search": offers(kind("tool_search"), function(defer_loading=True)),
        "web search": offers(SEARCH),
        "web search without `external_web_access`": offers(
            {**SEARCH, "external_web_access": False}
        ),
        "file search": offers(kind("file_search", vector_store_ids=["vs_1"])),
        "code interpreter": offers(kind("code_interpreter", container=kind("auto"))),
        "image generation": offers(kind("image_generation")),
        "`computer`": offers(kind("computer")),
        "`shell` in a container": offers(kind("shell", environment=kind("container_auto"))),
        "programmatic tool calling": offers(kind("programmatic_tool_calling")),
        "unknown tools": offers(kind("x_search")),
        "MCP servers": offers({**SERVER, "require_approval": "never"}),
        "MCP servers whose calls the app approves": offers(SERVER),
        "`max_tool_calls` with web search alone": offers(SEARCH, max_tool_calls=3),
        "`max_tool_calls` with others": offers(function(), max_tool_calls=3),
        "`tool_choice`": offers(function(), tool_choice={"type": "function", "name": "look"}),
        "a hosted tool forced": offers(
            kind("image_generation"), function(), tool_choice=kind("image_generation")
        ),
        "`allowed_tools`": offers(
            function(),
            function(name="find"),
            tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [function()]},
        ),
        "`additional_tools` at the beginning": items(LATE, HI),
        "`additional_tools` on the way": items(HI, ANSWER, LATE, HI),
    },
    "the form of the answer": {
        "`json_schema`": schema(CLOSED),
        "`json_schema`, rules for numbers or texts": schema(BOUNDED),
        "`json_schema` with any keys": schema(MAP),
        "`json_schema` that contains itself": schema(TREE),
        "`json_object`": Specimen({"text": {"format": {"type": "json_object"}}}),
        "`verbosity`": Specimen({"text": {"verbosity": "low"}}),
        **each(include=["file_search_call.results"]),
    },
    "the service": {
        **each(background=True, store=True, metadata={"a": "b"}, safety_identifier="u", user="u"),
        **each(prompt_cache_key="k", service_tier="default"),
        "other tiers (`flex`, `priority`, ...)": Specimen({"service_tier": "flex"}),
        "`service_tier: ultrafast`": Specimen({"service_tier": "ultrafast"}),
        "compaction of the context": Specimen({"context_management": [kind("compaction")]}),
        **each(moderation={"model": "m"}, access_programs=["a"], image={"context_compression": 1}),
        "unknown fields": Specimen({"mood": "blue"}),
    },
}
