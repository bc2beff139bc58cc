"""The apps of the demo: they know the address of their vendor and nothing of a bridge.

The proxy and its certificate they find where every program does, in HTTPS_PROXY and SSL_CERT_FILE.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

type Json = Any

TIMEOUT = 10

# What stands in [[ ]] tells the simulator what to answer.
QUESTION = (
    'What is the weather in Oslo? [[text:Let me look that up.]][[call:get_weather {"city":"Oslo"}]]'
)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@dataclass(frozen=True, slots=True)
class Request:
    url: str
    headers: dict[str, str]
    body: Json


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


MESSAGES = Request(
    "https://api.anthropic.com/v1/messages",
    {"x-api-key": "key-of-the-app", "anthropic-version": "2023-06-01"},
    {
        "model": "claude-sonnet-5-5",
        "max_tokens": 1024,
        "stream": True,
        "top_k": 40,  # Chat Completions has no such thing
        "stop_sequences": ["END"],
        "system": "You are brief.",
        "tools": [{"name": "get_weather", "description": "The weather now.", "input_schema": CITY}],
        "messages": [{"role": "user", "content": QUESTION}],
    },
)

CHAT = Request(
    "https://api.openai.com/v1/chat/completions",
    {"authorization": "Bearer key-of-the-app"},
    {
        "model": "gpt-6.2-sol",
        "stream": True,
        "seed": 7,  # Messages has no such thing
        "stop": "END",
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "The weather now.",
                    "parameters": CITY,
                },
            }
        ],
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": QUESTION},
        ],
    },
)

RESPONSES = Request(
    "https://api.openai.com/v1/responses",
    {"authorization": "Bearer key-of-the-app"},
    {
        "model": "gpt-6.2-sol",
        "stream": True,
        "truncation": "auto",  # Messages has no such thing
        "instructions": "You are brief.",
        "tools": [
            {
                "type": "function",
                "name": "get_weather",
                "description": "The weather now.",
                "parameters": CITY,
                "strict": False,
            }
        ],
        "input": QUESTION,
    },
)

SMALL = Request(
    MESSAGES.url,
    MESSAGES.headers,
    {
        "model": "claude-sonnet-5-5",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "Are you there?"}],
    },
)


def send(request: Request) -> Answer:
    """Send it as it is and take the answer as it comes."""
    body = json.dumps(request.body).encode()
    headers = {"content-type": "application/json", **request.headers}
    call = urllib.request.Request(request.url, body, headers)
    try:
        answer = urllib.request.urlopen(call, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return Answer(answer.status, answer.read().decode())
