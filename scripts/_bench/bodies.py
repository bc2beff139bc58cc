"""The requests that are measured. They are the same in every run: no clock and no chance.

`agent` is modelled on what a coding agent sends in the middle of its work: a long system prompt
with cache marks, thirty tools, and a history of tool calls whose results are files and listings.
"""

import json
from random import Random
from typing import Any

type Json = Any

AGENT_BYTES = 390_000
AGENT_MESSAGES = 120
AGENT_TOOLS = 30

WORDS = (
    "route upstream client retry buffer stream parse header token budget model answer queue "
    "window cache signal worker config render index commit branch schema session cursor"
).split()
NAMES = (
    "Read Write Edit MultiEdit Glob Grep Bash BashOutput KillShell Task WebFetch WebSearch "
    "TodoWrite NotebookEdit ExitPlanMode ListDir Move Delete Diff Blame Format Lint TypeCheck "
    "RunTests Coverage Symbols References Rename Diagnostics Screenshot"
).split()
KINDS = ("string", "integer", "boolean", "string", "number")
LINES = (
    "def {a}_{b}({a}: str, {b}: int = {n}) -> dict[str, int]:",
    '    if {a}.startswith("{b}") and not self._{a}[{n}]:',
    '        raise ValueError(f"{a}: \\"{{{b}}}\\" is not one of {n} \\\\ {b}")',
    "    return {{name: len({a}) for name in self.{b} if name != '{a}'}}",
    "# {a} before {b}: the {a} may be empty – then {b} is {n} ({a} “{b}”)",
    "src/{a}/{b}_{n}.ts:{n}:\texport const {a} = async ({b}: {b}Options) => {{",
    "",
)


def dumps(body: Json) -> bytes:
    """As the SDKs and Node write it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def messages(model: str, text: str, *, stream: bool = False) -> bytes:
    turns = [{"role": "user", "content": text}]
    return dumps({"model": model, "max_tokens": 4096, "messages": turns, "stream": stream})


def chat(model: str, text: str, *, stream: bool = False) -> bytes:
    turns = [{"role": "user", "content": text}]
    options = {"stream_options": {"include_usage": True}} if stream else {}
    return dumps({"model": model, "messages": turns, "stream": stream, **options})


def agent(model: str, *, stream: bool = False) -> bytes:
    """A Messages request of exactly AGENT_BYTES."""
    source = Random(7)
    rounds = (AGENT_MESSAGES - 2) // 2
    turns: list[Json] = [{"role": "user", "content": _code(source, 30)}]
    for number in range(rounds):
        turns += _round(source, number)
    turns.append({"role": "user", "content": "Now finish. [[text:Done.]]"})
    body = {
        "model": model,
        "max_tokens": 32000,
        "system": [_marked(_code(source, 120)), _marked(_code(source, 60))],
        "tools": [_tool(source, name) for name in NAMES[:AGENT_TOOLS]],
        "messages": turns,
        "stream": stream,
    }
    return _filled(body)


def _filled(body: Json) -> bytes:
    """Exactly AGENT_BYTES: what is missing goes into the last tool result."""
    missing = AGENT_BYTES - len(dumps(body))
    assert missing >= 0, f"the agent request is {-missing} bytes too long"
    body["messages"][-2]["content"][0]["content"] += "x" * missing
    return dumps(body)


def _marked(text: str) -> Json:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def _round(source: Random, number: int) -> list[Json]:
    """One or two calls, and their results."""
    calls, results = [], []
    for index in range(1 + number % 2):
        id = f"toolu_01bench{number:04d}{index:04d}"
        name = NAMES[source.randrange(8)]
        calls.append({"type": "tool_use", "id": id, "name": name, "input": _input(source, name)})
        text = _code(source, 53 // (1 + number % 2))
        results.append({"type": "tool_result", "tool_use_id": id, "content": text})
    said = {"type": "text", "text": _prose(source, 40)}
    return [{"role": "assistant", "content": [said, *calls]}, {"role": "user", "content": results}]


def _input(source: Random, name: str) -> Json:
    path = f"/home/dev/project/src/{source.choice(WORDS)}/{source.choice(WORDS)}.py"
    if name in ("Edit", "MultiEdit", "Write"):
        old, new = _code(source, 8), _code(source, 9)
        return {"file_path": path, "old_string": old, "new_string": new, "replace_all": False}
    return {"file_path": path, "offset": source.randrange(2000), "limit": 200}


def _tool(source: Random, name: str) -> Json:
    properties = {
        word: {"type": kind, "description": _prose(source, 12)}
        for word, kind in zip(source.sample(WORDS, len(KINDS)), KINDS, strict=True)
    }
    properties["options"] = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"mode": {"type": "string", "enum": ["fast", "safe", "dry-run"]}},
            "required": ["mode"],
        },
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties)[:2],
        "additionalProperties": False,
    }
    return {"name": name, "description": _prose(source, 60), "input_schema": schema}


def _prose(source: Random, words: int) -> str:
    return " ".join(source.choice(WORDS) for _ in range(words)).capitalize() + "."


def _code(source: Random, lines: int) -> str:
    """Numbered lines, as tools show a file."""
    return "\n".join(f"{n:6}\t{_line(source)}" for n in range(1, lines + 1))


def _line(source: Random) -> str:
    a, b = source.choice(WORDS), source.choice(WORDS)
    return source.choice(LINES).format(a=a, b=b, n=source.randrange(4000))
