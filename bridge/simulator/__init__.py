"""A loopback upstream that speaks all three protocols and misbehaves on request.

    python -m bridge.simulator [--host 127.0.0.1] [--port 0] [--key KEY] [--script FILE.json]
                               [--certificate FILE.pem]

In code: `async with Simulator() as sim:` or, in a thread of its own, `with running() as sim:`.
`refusing_port()` holds a port where nothing listens.

Upstreams. Every endpoint exists under `/v1/...` (the upstream `default`) and under
`/<name>/v1/...`; `chat/completions` and `models` also without `/v1`. Each upstream has its own
faults, counters and recorded requests. Endpoints: `messages`, `messages/count_tokens`,
`chat/completions`, `responses`, `responses/input_tokens`, `models`, `models/ID`.

Answers depend on the request alone. Directives inside the user text being answered steer them;
parts come in the order in which they are written:

    [[text:…]]              a text                     [[words:500]]   a text of 500 events
    [[json:{…}]]            a text that is JSON        [[echo]]        JSON of what was understood
    [[reason:…]]            reasoning                  [[redacted]]    reasoning that is hidden
    [[thoughts:9x80]]       reasoning of 9 events that name the model, each of 80 characters or more
    [[call:NAME {"a":1}]]   a call; without arguments they are made from the tool's schema
    [[do:NAME {"a":1}]]     a call that waits until those before are answered, as agents work; none
                            where the request offers no such tool
    [[results]]             a text that quotes all results since the question
    [[tools:3x2]]           three rounds of two parallel calls each, then the rest of the answer
    [[refuse:…]]            a refusal                  [[empty]]       nothing at all
    [[length]]              the token limit cuts the last part, also inside a call
    [[stop]] [[stop:SEQ]]   ends at a stop sequence    [[finish:X]]    X as the reason on the wire
    [[usage:input=100,cached=60,write=20,output=9,reasoning=5]]        (input counts everything)
    [[burst]]               the whole stream in one write instead of one an event

Without any: the first offered tool is called once, tool results are quoted, a JSON schema is
filled, else the text names the model and repeats the user's. As at the vendors, reasoning is
left out when the request switches it off; Messages hides its text under `display: omitted`,
Responses shows a summary only if `reasoning.summary` asks for one.

It also judges: a request that breaks a hard rule of its vendor gets that vendor's 400, also one
that returns opaque reasoning which the simulator did not make. Complaints are these refusals, and
conversations whose later requests do not begin as the earlier ones did.

Control, from loopback only (methods of `Simulator` do the same):

    POST   /_sim/faults     {"upstream": "a", "fault": {...}, "count": 1, "match": {...}}
    DELETE /_sim/faults     ?upstream=a
    POST   /_sim/upstreams  {"upstream": "a", and any of `dialect.Rules`, "burst"}
    GET    /_sim/requests   ?upstream=a            DELETE /_sim/requests
    GET    /_sim/complaints ?upstream=a            GET    /_sim/state

A fault is `{"kind": ...}` with the keys in `faults.KINDS`, or a list of them that act together;
`count: null` means until cleared; no upstream means whichever is asked next. `match` limits it by
`path` (a glob over the endpoint), `method`, `stream` and `model`. A place in a stream is `at`
(events before it), `after` (content events before it), `thoughts` (events of reasoning before it,
and no text or call) or `byte`. A script file holds `{"upstreams": [...], "faults": [...]}` of such
objects.

With a certificate it speaks TLS, and HTTP/2 to clients that offer it. There `drop` and `cut` still
end the connection, with all its streams; the frame `rst_stream` ends the one stream instead, and
`goaway` is a word before the connection ends. Either has a `code`. `hang` with `connection` is
deaf from there on to all that comes over the same connection.
"""

from .faults import KINDS as KINDS
from .faults import BadFault as BadFault
from .server import Simulator as Simulator
from .server import refusing_port as refusing_port
from .server import running as running
from .upstreams import Recorded as Recorded
