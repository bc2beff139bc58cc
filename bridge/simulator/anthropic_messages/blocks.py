"""Which messages and content blocks the Messages API knows, as tables.

Blocks of server tools and betas are taken as they come; everything else with a key of a foreign
protocol is refused, as the vendor does.
"""

import base64
import binascii
import re
from typing import Any

from ..dialect import listed, require

Json = Any

# type: required keys with their types, then optional keys
BLOCKS: dict[str, tuple[dict[str, type], str]] = {
    "text": ({"text": str}, "cache_control citations"),
    "image": ({"source": dict}, "cache_control transformations"),
    "document": ({"source": dict}, "cache_control title context citations"),
    "search_result": (
        {"source": str, "title": str, "content": list},
        "cache_control citations",
    ),
    "thinking": ({"thinking": str, "signature": str}, ""),
    "redacted_thinking": ({"data": str}, ""),
    "tool_use": (
        {"id": str, "name": str, "input": dict},
        "cache_control caller toolset_name",
    ),
    "tool_result": ({"tool_use_id": str}, "cache_control content is_error toolset_name"),
}
PLACES = {  # where a type may stand; what is not listed may stand anywhere
    "image": ("user", "tool_result"),
    "document": ("user", "tool_result"),
    "tool_result": ("user",),
    "thinking": ("assistant",),
    "redacted_thinking": ("assistant",),
    "tool_use": ("assistant",),
}
MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
SOURCES: dict[str, tuple[str, ...]] = {  # type: the keys it must have
    "base64": ("media_type", "data"),
    "url": ("url",),
    "file": ("file_id",),
    "text": ("media_type", "data"),
    "content": ("content",),
}
PY_NAMES: dict[type, str] = {str: "string", dict: "dictionary", list: "list"}
ID = re.compile(r"[a-zA-Z0-9_-]+")


def check_keys(value: Json, allowed: frozenset[str], where: str) -> None:
    require(isinstance(value, dict), f"{where}: Input should be a valid dictionary")
    extra = next((key for key in value if key not in allowed), None)
    require(extra is None, f"{where}{extra}: Extra inputs are not permitted")


def check_blocks(body: Json) -> None:
    _content(body.get("system", ""), "system", "system", ("text",))
    for i, message in enumerate(body["messages"]):
        where = f"messages.{i}"
        require(isinstance(message, dict), f"{where}: Input should be a valid dictionary")
        role = message.get("role")
        roles = ("user", "assistant", "system")
        require(role in roles, f"{where}.role: Input should be {listed(roles, 'or')}")
        system_keys = {"clear_at", "output_config"} if role == "system" else set()
        check_keys(message, frozenset({"role", "content"} | system_keys), f"{where}.")
        require("content" in message, f"{where}.content: Field required")
        _content(message["content"], f"{where}.content", role, None)
        last = i == len(body["messages"]) - 1
        empty = not message["content"] and (role == "user" or (role == "assistant" and not last))
        words = "all messages must have non-empty content except for the optional final assistant"
        require(not empty, f"{where}: {words} message")


def _content(content: Json, where: str, place: str, only: tuple[str, ...] | None) -> None:
    if isinstance(content, str):
        return
    require(isinstance(content, list), f"{where}: Input should be a valid list")
    for i, block in enumerate(content):
        _block(block, f"{where}.{i}", place, only)


def _block(block: Json, where: str, place: str, only: tuple[str, ...] | None) -> None:
    require(isinstance(block, dict), f"{where}: Input should be an object")
    kind = block.get("type")
    require(isinstance(kind, str), f"{where}.type: Field required")
    tag = f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
    openai = kind in ("image_url", "input_text", "input_image", "output_text", "function_call")
    allowed = only is None or kind in only
    require(not openai and allowed, f"{tag}: {listed(only or tuple(BLOCKS))}")
    misplaced = f"{where}: `{kind}` blocks are not permitted in `{place}` messages"
    require(place in PLACES.get(kind, (place,)), misplaced)
    if kind in BLOCKS:
        _known(block, kind, f"{where}.{kind}")
    blank = kind == "text" and place in ("user", "tool_result") and not block["text"].strip()
    require(not blank, "messages: text content blocks must contain non-whitespace text")


def _known(block: Json, kind: str, where: str) -> None:
    required, optional = BLOCKS[kind]
    check_keys(block, frozenset({"type", *required, *optional.split()}), f"{where}.")
    for key, python in required.items():
        require(key in block, f"{where}.{key}: Field required")
        fits = isinstance(block[key], python)
        require(fits, f"{where}.{key}: Input should be a valid {PY_NAMES[python]}")
    match kind:
        case "text":
            require(block["text"] != "", "messages: text content blocks must be non-empty")
        case "image" | "document":
            _source(block["source"], kind, f"{where}.source")
        case "tool_use":
            _identifier(block["id"], f"{where}.id")
        case "tool_result":
            _identifier(block["tool_use_id"], f"{where}.tool_use_id")
            _content(block.get("content") or "", f"{where}.content", "tool_result", None)


def _identifier(value: str, where: str) -> None:
    pattern = "^[a-zA-Z0-9_-]+$"
    fits = ID.fullmatch(value) is not None
    require(fits, f"{where}: String should match pattern '{pattern}'")


def _source(source: Json, kind: str, where: str) -> None:
    form = source.get("type")
    known = tuple(SOURCES)[: 3 if kind == "image" else 5]
    tag = f"{where}: Input tag '{form}' found using 'type' does not match any of the expected tags"
    require(form in known, f"{tag}: {listed(known)}")
    where = f"{where}.{form}"
    check_keys(source, frozenset({"type", *SOURCES[form]}), f"{where}.")
    for key in SOURCES[form]:
        require(key in source, f"{where}.{key}: Field required")
    if form == "base64":
        media = MEDIA_TYPES if kind == "image" else ("application/pdf",)
        fits = source["media_type"] in media
        require(fits, f"{where}.media_type: Input should be {listed(media, 'or')}")
        require(_is_base64(source["data"]), f"{where}.data: invalid base64 data")
    if form == "url":
        web = str(source["url"]).startswith(("https://", "http://"))
        require(web, f"{where}.url: Only HTTPS URLs are supported.")


def _is_base64(data: Json) -> bool:
    try:
        return isinstance(data, str) and bool(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return False
