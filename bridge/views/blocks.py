"""What one part of a message shows: its kind, what it says, and of what cannot be read its size.

In: a part of the neutral model. Out: blocks, by the same words whichever protocol it came from.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from ..transform.files import default_name
from ..transform.json_text import Json, loads
from ..transform.model import (
    AudioPart,
    Base64Source,
    Citation,
    DocumentPart,
    EffortPart,
    FileSource,
    HostedCall,
    HostedList,
    ImagePart,
    NativePart,
    Part,
    PartsSource,
    ReasoningPart,
    RefusalPart,
    Source,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from ..transform.prepare import full_name

type Kind = Literal[
    "text",
    "reasoning",
    "call",
    "result",
    "image",
    "document",
    "audio",
    "refusal",
    "server",  # what only its vendor knows: mostly what a tool did that the vendor runs
    "note",  # of the app's to the vendor: an effort, a tool that comes or goes
]

# Fields of tools that are other servers, with the app's credentials for them.
SECRETS = frozenset({"authorization", "authorization_token", "headers"})
HIDDEN = "(not shown)"
LONG = 200  # characters of a string in a vendor's own block: longer ones are ciphertext or data


@dataclass(frozen=True, slots=True)
class Block:
    """`title` names it (a tool, a file, a type), `detail` says more of it in a few words; `new`:
    nobody has answered it yet. `where` is its place in the body."""

    kind: Kind
    text: str = ""
    title: str = ""
    detail: str = ""
    new: bool = False
    where: str = field(default="", compare=False)


def blocks_of(part: Part, *, title: str = "", new: bool = False) -> Iterator[Block]:
    """The blocks of a part; `title` is the tool of a result."""
    where = part.where
    match part:
        case TextPart(text, citations):
            if text or citations:
                yield Block("text", text, "", _cited(citations), new, where)
        case RefusalPart(text):
            yield Block("refusal", text, new=new, where=where)
        case ReasoningPart(text):
            yield Block("reasoning", text, "", "" if text else "hidden", new, where)
        case ImagePart(source):
            yield Block("image", "", *_file(source, "image"), new, where)
        case DocumentPart(source, title=name):
            kind, size = _file(source, "document")
            yield Block("document", "", name or default_name(kind), f"{kind}, {size}", new, where)
        case AudioPart(data, form):
            yield Block("audio", "", form, size_text(_decoded_size(data)), new, where)
        case ToolCallPart():
            name = full_name(part.name, part.namespace)
            detail = "" if part.kind == "function" else part.kind
            yield Block("call", pretty(part.arguments), name, detail, new, where)
        case ToolResultPart():
            yield from _result(part, title or part.name or "", new)
        case NativePart():
            yield _native(part, new)
        case EffortPart(effort):
            yield Block("note", effort, "effort", new=new, where=where)
        case ToolChangePart(name, removed=removed):
            verb = "tool removed" if removed else "tool added"
            yield Block("note", name, verb, new=new, where=where)
        case _:
            assert_never(part)


TOLD = ("text", "server")  # what a result says; a vendor's own tools have blocks for it


def _result(part: ToolResultPart, title: str, new: bool) -> Iterator[Block]:
    """Its texts as results, and what else it holds behind them."""
    detail = "failed" if part.is_error else ""
    inner = [block for held in part.parts for block in blocks_of(held, new=new)]
    if not any(block.kind in TOLD for block in inner):
        yield Block("result", "", title, detail or ("" if inner else "empty"), new, part.where)
    for block in inner:
        yield (
            replace(block, kind="result", title=title, detail=detail)
            if block.kind in TOLD
            else block
        )


def _native(part: NativePart, new: bool) -> Block:
    hosted = part.hosted
    match hosted:
        case HostedCall(name, given, server):
            told = {key: value for key, value in given.items() if value is not None}
            lines = [_outline(told), *hosted.urls, hosted.output]
            title = f"{server}: {name}" if server else name
            detail = "failed" if hosted.failed else ""
            return Block("server", "\n".join(filter(None, lines)), title, detail, new, part.where)
        case HostedList(server, tools):
            names = ", ".join(str(tool.get("name")) for tool in tools)
            return Block("server", names, f"tools of {server}", new=new, where=part.where)
        case _:
            own = next((block for block in part.native.blocks if isinstance(block, dict)), {})
            text = part.text or _string(own, "text") or _outline(own)
            return Block("server", text, _string(own, "type"), new=new, where=part.where)


def _string(holder: dict[str, Json], key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def _cited(citations: Iterable[Citation]) -> str:
    """Each source once."""
    sources = dict.fromkeys(c.url or c.title or c.file or "" for c in citations)
    return f"cites {', '.join(filter(None, sources))}" if any(sources) else ""


# --- files


def _file(source: Source, kind: str) -> tuple[str, str]:
    """Its type, and its size or where it is."""
    match source:
        case Base64Source(media_type, data):
            return media_type, size_text(_decoded_size(data))
        case TextSource(text, media_type):
            return media_type, size_text(len(text.encode("utf-8", "replace")))
        case UrlSource(url):
            return kind, url
        case FileSource(id):
            return kind, f"kept by the vendor as {id}"
        case PartsSource(parts):
            return kind, f"{len(parts)} parts"
        case _:
            assert_never(source)


def _decoded_size(base64: str) -> int:
    return len(base64.rstrip("=")) * 3 // 4


def size_text(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


# --- JSON


def pretty(text: str) -> str:
    """JSON text on several lines; any other as it is."""
    try:
        return indented(loads(text))
    except ValueError:
        return text


def indented(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _outline(value: Json) -> str:
    return indented(shortened(value)) if value else ""


def shortened(value: Json) -> Json:
    """`value` without what is long, and without keys to other servers."""
    match value:
        case dict():
            told = {key: HIDDEN for key in value if key in SECRETS}
            return {key: told.get(key) or shortened(inner) for key, inner in value.items()}
        case list():
            return [shortened(inner) for inner in value]
        case str() if len(value) > LONG:
            return f"({len(value)} characters)"
        case _:
            return value
