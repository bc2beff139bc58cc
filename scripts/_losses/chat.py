"""What apps that speak Chat Completions send."""

from .messages import CLOSED, DATA, OPEN, text
from .specimen import UPSTREAM, Json, Specimen, Specimens, each, sealed

HI = {"role": "user", "content": "Hi"}
LEAST: Json = {"model": "gpt-6.2-sol", "messages": [HI]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ANSWER = {"role": "assistant", "content": "Yes."}
# A map of any keys, and a rule for numbers: nothing that Anthropic can hold an answer to.
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
BOUNDED = {**CLOSED, "properties": {"a": {"type": "integer", "minimum": 3}}}
TREE = {**OPEN, "properties": {"a": {"$ref": "#"}}}


def told(*parts: Json) -> Specimen:
    return Specimen({"messages": [{"role": "user", "content": list(parts)}]})


def turns(*messages: Json) -> Specimen:
    return Specimen({"messages": list(messages)})


def said(**message: Json) -> Specimen:
    """By the model, in an earlier answer."""
    return turns(HI, {**ANSWER, **message}, HI)


def gave(content: Json, arguments: str = "{}") -> Specimen:
    """A tool, to a call."""
    call = {**CALL, "function": {"name": "look", "arguments": arguments}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": content}
    return turns(HI, {"role": "assistant", "tool_calls": [call]}, result)


def image(url: str, **fields: Json) -> Json:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(**fields: Json) -> Json:
    return {"type": "file", "file": fields}


def data(media_type: str) -> str:
    return f"data:{media_type};base64,{DATA}"


def function(schema: Json = OPEN, **fields: Json) -> Json:
    described = {"name": "look", "parameters": schema, **fields}
    return {"type": "function", "function": described}


def custom(**fields: Json) -> Json:
    return {"type": "custom", "custom": {"name": "run", **fields}}


def offers(*tools: Json, **fields: Json) -> Specimen:
    return Specimen({"tools": list(tools), **fields})


def schema(schema: Json, **fields: Json) -> Specimen:
    described = {"name": "a", "schema": schema, **fields}
    return Specimen({"response_format": {"type": "json_schema", "json_schema": described}})


def effort(level: str, *, older: bool = False, **fields: Json) -> Specimen:
    return Specimen({"reasoning_effort": level, **fields}, older)


GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "a"'}}
AUDIO = {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}
BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
OWN = {
    "type": "reasoning.encrypted",
    "data": sealed("anthropic_messages", UPSTREAM, SIGNED),
}

SPECIMENS: Specimens = {
    "limits and sampling": {
        **each(max_completion_tokens=50, max_tokens=50, temperature=0.5, top_p=0.9),
        "`max_tokens` above the model's most": Specimen({"max_tokens": 500_000}, older=True),
        **each(temperature=0.5, top_p=0.9, older=True),
        "`temperature` above 1 for an older model": Specimen({"temperature": 1.5}, older=True),
        "both together for an older model": Specimen(
            {"temperature": 0.5, "top_p": 0.9}, older=True
        ),
        **each(frequency_penalty=1, presence_penalty=1, logit_bias={"1": 1}, seed=7),
        **each(top_k=40, min_p=0.1, stop=["END"]),
        "`stop` of blanks": Specimen({"stop": ["\n\n"]}),
        "`n` above 1": Specimen({"n": 2}),
        "`logprobs`": Specimen({"logprobs": True, "top_logprobs": 3}),
    },
    "reasoning": {
        "`reasoning_effort`": effort("high"),
        "`reasoning_effort: max`": effort("max"),
        "`reasoning_effort: minimal`": effort("minimal"),
        "`reasoning_effort: none`": effort("none"),
        "an unknown `reasoning_effort`": effort("heroic"),
        "`reasoning_effort` for an older model": effort(
            "high", older=True, max_completion_tokens=32_000
        ),
        "the same with a small limit": effort("high", older=True, max_completion_tokens=900),
        "the same with a call forced": effort(
            "high", older=True, tools=[function()], tool_choice="required"
        ),
        "`reasoning` of OpenRouter": Specimen({"reasoning": {"effort": "high"}}),
        "`thinking` of DeepSeek": Specimen({"thinking": {"type": "enabled"}}),
        "other words of gateways for it": Specimen({"thinking": {"clear_thinking": False}}),
    },
    "system text": {
        "`system`": turns({"role": "system", "content": "Be brief."}, HI),
        "`developer`": turns({"role": "developer", "content": [text("Be brief.")]}, HI),
        "behind the first message": turns(HI, {"role": "system", "content": "Be brief."}),
        "between two of the user's": turns(HI, {"role": "system", "content": "Be brief."}, HI),
    },
    "content": {
        "text": told(text("Hi")),
        "images": told(image(data("image/png"))),
        "images by URL": told(image("https://host.example/a.png", detail="low")),
        "images of other types (BMP, TIFF, ...)": told(image(data("image/bmp"))),
        "PDF": told(file(filename="a.pdf", file_data=data("application/pdf"))),
        "text files": told(file(filename="a.txt", file_data=data("text/plain"))),
        "files of other types": told(file(filename="a.zip", file_data=data("application/zip"))),
        "files by `file_id`": told(file(file_id="file-1")),
        "`document_url` of Mistral": told(
            {"type": "document_url", "document_url": "https://host.example/a.pdf"}
        ),
        "`input_audio`": told(AUDIO),
        "`video_url`, unknown parts": told(
            {"type": "video_url", "video_url": {"url": "https://a"}}
        ),
        "`name` of a message": turns({**HI, "name": "Eva"}),
    },
    "the conversation so far": {
        "calls and results": gave("42"),
        "images in results": gave([image(data("image/png"))]),
        "arguments that are no JSON": gave("42", arguments="{'a'"),
        "a call without a result": said(tool_calls=[CALL]),
        "a result without a call": turns(
            HI, {"role": "tool", "tool_call_id": "call_9", "content": "42"}
        ),
        "`reasoning_content` that another upstream gave": said(reasoning_content="Hm."),
        "reasoning of the upstream, and then some of another": turns(
            HI,
            {**ANSWER, "reasoning_details": [OWN]},
            HI,
            {**ANSWER, "reasoning_content": "Hm."},
            HI,
        ),
        "`refusal`": said(refusal="No."),
        "`audio`": said(audio={"id": "audio_1"}),
        "an unknown part of an answer": said(content=[text("Yes."), {"type": "hologram"}]),
        "an answer first": turns(ANSWER, HI),
        "an answer last": turns(HI, ANSWER),
    },
    "tools": {
        "functions": offers(function()),
        "`parallel_tool_calls`": offers(function(), parallel_tool_calls=False),
        "`strict`": offers(function(CLOSED, strict=True)),
        "`strict`, rules for numbers or texts": offers(function(BOUNDED, strict=True)),
        "`functions`": Specimen({"functions": [{"name": "look"}], "function_call": "auto"}),
        "freeform tools": offers(custom()),
        "freeform tools with a grammar": offers(custom(format=GRAMMAR)),
        "`web_search_options`": Specimen({"web_search_options": {"search_context_size": "low"}}),
        "tools of a gateway": offers({"type": "openrouter:web_search"}, function()),
        "`tool_choice`": offers(function(), tool_choice="required"),
        "`allowed_tools`": offers(
            function(),
            custom(),
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [function()]},
            },
        ),
    },
    "the form of the answer": {
        "`json_schema`": schema(CLOSED),
        "`json_schema`, rules for numbers or texts": schema(BOUNDED),
        "`json_schema` with any keys": schema(MAP),
        "`json_schema` that contains itself": schema(TREE),
        "`json_object`": Specimen({"response_format": {"type": "json_object"}}),
        **each(verbosity="low", prediction={"type": "content", "content": "Yes."}),
        "audio": Specimen({"modalities": ["text", "audio"], "audio": {"voice": "a"}}),
    },
    "the service": {
        "`stream_options`": Specimen({"stream": True, "stream_options": {"include_usage": True}}),
        **each(prompt_cache_key="k", safety_identifier="u", user="u", service_tier="default"),
        "breakpoints of the cache": told({**text("Hi"), **BREAKPOINT}),
        "`cache_control` of gateways": told({**text("Hi"), "cache_control": {"type": "ephemeral"}}),
        "other tiers (`flex`, `priority`, ...)": Specimen({"service_tier": "flex"}),
        **each(store=True, metadata={"a": "b"}, moderation={"model": "m"}),
        "unknown fields": Specimen({"provider": {"order": ["a"]}}),
    },
}
