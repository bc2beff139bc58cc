"""The neutral model: what requests and the parts of answers mean, whoever's words they use.

Every protocol decodes to these values and encodes from them. What two protocols share has a typed
field; what one has alone rides along as `Native` (opaque objects, verbatim) or `Extra` (a request
field). Values only: equal content is an equal object. `where` is the place in the body a value was
read from, for notes; it takes no part in comparisons.
"""

from dataclasses import field
from typing import Literal

from .json_text import Json
from .values import dataclass

type Protocol = Literal["anthropic_messages", "openai_chat", "openai_responses"]
type Role = Literal["system", "developer", "user", "assistant", "tool"]
type CallKind = Literal["function", "custom"]
type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@dataclass(frozen=True, slots=True)
class Native:
    """Objects of one upstream, verbatim: they return to it alone, and nobody else may see them.

    `upstream` is the id of the upstream that made them, "" when only the app knows (its own
    history, unmarked).
    """

    protocol: Protocol
    blocks: tuple[Json, ...]
    upstream: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class CacheMark:
    """A prompt cache breakpoint; `ttl` in its vendor's words (5m, 1h, 30m, 12h), None: default."""

    ttl: str | None = None


# --- where the bytes of an image or a document are


@dataclass(frozen=True, slots=True)
class Base64Source:
    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class UrlSource:
    url: str


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file the vendor keeps; the id means nothing to another vendor."""

    id: str


@dataclass(frozen=True, slots=True)
class TextSource:
    text: str
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class PartsSource:
    """A document made of text and images."""

    parts: "tuple[Part, ...]"


type Source = Base64Source | UrlSource | FileSource | TextSource | PartsSource

# --- parts of messages


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a piece of text comes from.

    `start` and `end` count code points in the text part that carries the citation. `url` is None
    for a place inside a document of the request, or in a `file` (its id), which only `native` can
    express.
    """

    url: str | None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    file: str | None = None
    native: Native | None = None


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None
    logprobs: tuple[Json, ...] = ()
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class RefusalPart:
    text: str
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ImagePart:
    source: Source
    detail: str | None = None
    cache: CacheMark | None = None
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class DocumentPart:
    source: Source
    title: str | None = None  # or the file name
    context: str | None = None
    citations: bool = False  # the model is asked to cite it
    cache: CacheMark | None = None
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class AudioPart:
    data: str
    format: str
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What the model thought. Hidden reasoning is an empty text with a `native`."""

    text: str
    native: Native | None = None
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """`arguments` is JSON text of an object for a function, free text for a custom tool."""

    id: str
    name: str
    arguments: str
    kind: CallKind = "function"
    namespace: str | None = None
    cache: CacheMark | None = None
    native: Native | None = None  # when the call has fields that only its vendor knows
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """`call_id` is "" for an output that names its tool instead (`name`)."""

    call_id: str
    parts: "tuple[Part, ...]"
    is_error: bool = False
    kind: CallKind = "function"
    name: str | None = None
    cache: CacheMark | None = None
    namespace: str | None = None  # of the tool, where it is said again
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class HostedCall:
    """What a tool did that the vendor runs, where several vendors have such a tool.

    A web search has a `query` as input and the `urls` it found; a tool of an MCP `server` has an
    output.
    """

    name: str
    input: dict[str, Json]
    server: str | None = None
    urls: tuple[str, ...] = ()
    output: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class HostedList:
    """The tools that an MCP server has: objects with a `name` and an `input_schema`."""

    server: str
    tools: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class NativePart:
    """A block that one protocol has alone.

    Its own protocol writes `native` back. In requests others write `text` when there is one and
    drop the part otherwise; both with a note `code`, or refuse when `code` is an error code. In
    answers they carry it, and write `text` besides; a part that was to be `seen` is noted, and
    what is `hosted` (a call, told with its result, or a list of tools) is shown.
    """

    native: Native
    code: str
    text: str | None = None
    cache: CacheMark | None = field(default=None, kw_only=True)
    seen: bool = field(default=False, kw_only=True)  # by a person, such as a generated image
    hosted: HostedCall | HostedList | None = field(default=None, kw_only=True)
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class EffortPart:
    """In system text: how much to think from here on."""

    effort: Effort
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolChangePart:
    """In system text: a tool is offered from here on, or no longer.

    `tool` is what defines it; None: the request does, or an earlier part, by this `name`.
    """

    name: str
    tool: "Tool | None" = None
    removed: bool = field(default=False, kw_only=True)
    native: Native | None = field(default=None, kw_only=True)
    where: str = field(default="", compare=False, repr=False, kw_only=True)


type Part = (
    TextPart
    | RefusalPart
    | ImagePart
    | DocumentPart
    | AudioPart
    | ReasoningPart
    | ToolCallPart
    | ToolResultPart
    | NativePart
    | EffortPart
    | ToolChangePart
)

# --- requests


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. Tool results stand in messages of role "tool", all results of a turn in one.

    `native` is the whole turn as its upstream made it, where that is known.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    phase: str | None = None
    native: Native | None = field(default=None, kw_only=True)
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the client offers. `native` is the definition of a built-in one, as its vendor has it.

    A built-in tool has kind "hosted" when the vendor runs it, "client" when the app does; others
    are functions (`parameters`: JSON Schema) or custom tools (`format`: `{type, syntax,
    definition}`).
    """

    name: str
    description: str | None = None
    parameters: Json = None
    kind: Literal["function", "custom", "hosted", "client"] = "function"
    strict: bool | None = None
    format: Json = None
    namespace: str | None = None
    cache: CacheMark | None = None
    options: dict[str, Json] = field(default_factory=dict)  # further keys, by their vendor's names
    native: Native | None = None
    where: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`tool`: exactly the tool `name`; `allowed`: only the names in `tools`, one of them if
    `required`."""

    mode: Literal["auto", "required", "none", "tool", "allowed"]
    name: str = ""
    kind: CallKind = "function"
    tools: tuple[str, ...] = ()
    required: bool = False
    native: Native | None = None  # a choice of a built-in tool


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much to think, and how much of it to show.

    `mode` and `budget` (tokens) are Anthropic's words, `effort` is everybody's, until an EffortPart
    says another. `visible` None: the client said nothing.
    """

    effort: Effort | None = None
    mode: Literal["adaptive", "enabled", "disabled", "between_tools"] | None = None
    budget: int | None = None
    visible: bool | None = None


@dataclass(frozen=True, slots=True)
class OutputFormat:
    kind: Literal["text", "json_object", "json_schema"]
    schema: Json = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Extra:
    """A request field that one protocol (or both of OpenAI's) has alone; `code`: note when lost."""

    value: Json
    code: str


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. System text is messages of role system or developer, in their place.

    `tools` are those from the beginning; see ToolChangePart.
    """

    protocol: Protocol
    model: str
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    reasoning: Reasoning = Reasoning()
    output_format: OutputFormat | None = None
    stream: bool = False
    include_usage: bool = False  # Chat: the client wants the usage chunk
    legacy_functions: bool = False  # Chat: tools came as `functions`, answer in that shape
    user: str | None = None
    service_tier: str | None = None  # OpenAI's words: auto, default, flex, scale, priority, fast
    cache: CacheMark | None = None  # automatic breakpoint for the whole prompt
    extras: dict[str, Extra] = field(default_factory=dict)
    raw: Json = field(default=None, compare=False, repr=False)  # the body as parsed
