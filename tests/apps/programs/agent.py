"""An agent as people write them: `agent.py messages|chat|responses PROMPT`, with two tools.

It knows nothing of the bridge: a vendor's SDK, a loop, and tools that really run.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anthropic
import openai

ROUNDS = 9
TOOLS = {"shell": ("Run a command.", "command"), "read": ("Read a file.", "path")}


def schema(argument: str) -> dict[str, Any]:
    properties = {argument: {"type": "string"}}
    return {"type": "object", "properties": properties, "required": [argument]}


def use(name: str, given: dict[str, str]) -> str:
    if name == "read":
        return Path(given["path"]).read_text("utf-8")
    return subprocess.run(["sh", "-c", given["command"]], capture_output=True, text=True).stdout


def messages(prompt: str) -> str:
    client = anthropic.Anthropic()
    tools: Any = [
        {"name": name, "description": words, "input_schema": schema(argument)}
        for name, (words, argument) in TOOLS.items()
    ]
    said: list[Any] = [{"role": "user", "content": prompt}]
    for _ in range(ROUNDS):
        with client.messages.stream(
            model="claude-sonnet-5-5",
            max_tokens=4000,
            thinking={"type": "adaptive"},
            cache_control={"type": "ephemeral"},
            tools=tools,
            messages=said,
        ) as stream:
            answer = stream.get_final_message()
        said.append({"role": "assistant", "content": answer.content})
        results = [
            {"type": "tool_result", "tool_use_id": part.id, "content": use(part.name, part.input)}
            for part in answer.content
            if part.type == "tool_use"
        ]
        if not results:
            return "".join(part.text for part in answer.content if part.type == "text")
        said.append({"role": "user", "content": results})
    raise RuntimeError("it never comes to an end")


def chat(prompt: str) -> str:
    client = openai.OpenAI()
    tools: Any = [
        {
            "type": "function",
            "function": {"name": name, "description": words, "parameters": schema(argument)},
        }
        for name, (words, argument) in TOOLS.items()
    ]
    said: list[Any] = [{"role": "user", "content": prompt}]
    for _ in range(ROUNDS):
        with client.chat.completions.stream(
            model="gpt-6.2-sol", tools=tools, messages=said
        ) as stream:
            answer = stream.get_final_completion().choices[0].message
        said.append(answer.model_dump(exclude_none=True, exclude={"parsed"}))
        if not answer.tool_calls:
            return str(answer.content)
        for call in answer.tool_calls:
            result = use(call.function.name, json.loads(call.function.arguments))
            said.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise RuntimeError("it never comes to an end")


def responses(prompt: str) -> str:
    client = openai.OpenAI()
    tools: Any = [
        {"type": "function", "name": name, "description": words, "parameters": schema(argument)}
        for name, (words, argument) in TOOLS.items()
    ]
    said: list[Any] = [{"role": "user", "content": prompt}]
    for _ in range(ROUNDS):
        with client.responses.stream(
            model="gpt-6.2-sol",
            store=False,
            include=["reasoning.encrypted_content"],
            tools=tools,
            input=said,
        ) as stream:
            answer = stream.get_final_response()
        said += [item.model_dump(exclude_none=True) for item in answer.output]
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        for call in calls:
            output = use(call.name, json.loads(call.arguments))
            said.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    raise RuntimeError("it never comes to an end")


if __name__ == "__main__":
    sys.stdout.write(
        {"messages": messages, "chat": chat, "responses": responses}[sys.argv[1]](sys.argv[2])
    )
