"""The request that each upstream gets for a call, and what is kept of the answer for later calls.

In: a call, a target, and how requests have to be made for it. Out: a translator that has made the
request. Hard part: what the app only names (an earlier answer, an item) is put in where the
upstream cannot know it, and told back to the app as it was asked.
"""

from collections.abc import Callable, Iterable

from .call import Call
from .errand import Errand, errand, has_endpoint, is_compaction, takes_wish
from .ledger import Ledger
from .passed_answer import PassedAnswer
from .repairs import Fit
from .routing import Target
from .store import NOTHING, Store
from .transform import CODES, Protocol, TransformError, Translator
from .transform.json_text import Json, dumps
from .upstream import Upstream

RESPONSES: Protocol = "openai_responses"
# How what an app only names is put in, and an answer kept that it may name.
EXPAND: dict[Protocol, Callable[[Store, Json, float], Json]] = {
    "openai_responses": Store.expand,
    "anthropic_messages": Store.continued,
}
RECORD: dict[Protocol, tuple[Callable[[Store, Json, Json, float, str], None], str]] = {
    "openai_responses": (Store.record, "input"),
    "anthropic_messages": (Store.record_message, "messages"),
}

NEW = {"type": "create"}  # a thread


class Requests:
    """Of one call. `key` seals opaque state, `ledger` keeps it for apps that drop it, `store` the
    answers that apps may name later. `strict`: content is not to be lost, unless the upstream says
    otherwise. `remembers` False: later calls know nothing of its answer.
    """

    def __init__(
        self,
        call: Call,
        *,
        key: bytes,
        ledger: Ledger | None,
        store: Store | None,
        strict: bool,
        remembers: bool,
    ) -> None:
        self.call = call
        self._key, self._ledger, self._store, self._strict = key, ledger, store, strict
        self._told: Json = None  # the request with all that it names; None: that is not known
        self._passed: PassedAnswer | None = None
        self._by = ""  # whose answer it will be
        self.errand: Errand | None = None  # what is asked in place of the call
        self._compacts = is_compaction(call)
        self._without_endpoint: set[str] = set()
        self._remembered = not remembers

    def translator(self, upstream: Upstream, fit: Fit, now: float) -> Translator:
        return Translator(
            self.call.protocol,
            upstream.protocol,
            upstream.model_for(self.call.model),
            fit.made(),
            upstream_id=fit.owner(upstream),
            key=self._key,
            now=now,
            ledger=self._ledger.at(now) if self._ledger else None,
            own_host=self.call.addresses(upstream),
            notes=fit.notes,
        )

    def body(self, translator: Translator, target: Target, now: float) -> bytes:
        """The request's body; TransformError where it cannot be said, or would lose content."""
        made = self._translated(translator, target.upstream, now)
        own = target.upstream.strict
        strict = self._strict if own is None else own
        for code, where, detail in translator.notes if strict else ():
            if CODES[code] == "lost":
                raise TransformError(where, f"strict: {detail or 'content would be lost'}", code)
        return made

    def _translated(self, translator: Translator, upstream: Upstream, now: float) -> bytes:
        call = self.call
        self._told = self._passed = self.errand = None
        if self._compacts and not takes_wish(upstream, call):
            self.errand = self._errand(upstream, now)
            said = self.errand.said
            return self.errand.sent(translator.request(dumps(said), said))
        said = spelled_out(call, upstream, self._store, now)
        self._told, self._by = self._to_keep(said, upstream, now), upstream.name
        same = upstream.protocol == call.protocol
        if same and self._store and self._told is not None and not self._remembered:
            self._passed = PassedAnswer(call.protocol, self._store.max_bytes)
        body = call.body if said is call.parsed else dumps(said)
        if same and said is call.parsed:
            return translator.request(body, said)
        return translator.request(body, said, self._asked())

    def _errand(self, upstream: Upstream, now: float) -> Errand:
        """Whoever sums up has to be told all."""
        call = self.call
        if not isinstance(call.parsed, dict):
            raise TransformError("", "the body must be an object")
        by_endpoint = has_endpoint(upstream, call) and upstream.name not in self._without_endpoint
        if by_endpoint and upstream.protocol == call.protocol:
            said = spelled_out(call, upstream, self._store, now)
        else:
            said = expanded(call, self._store, now)
        return errand(call, upstream, said, self._key, by_endpoint=by_endpoint)

    def lacks_endpoint(self, upstream: Upstream) -> bool:
        """`upstream` has not what it was asked for; whether it can be asked for something else."""
        if self.errand is None or self.errand.path is None:
            return False
        self._without_endpoint.add(upstream.name)
        return True

    @property
    def wants_stream(self) -> bool:
        """Whether the app does; an endpoint beside calls has none."""
        beside = self._compacts and self.call.protocol == RESPONSES
        return self.call.wants_stream and not beside

    @property
    def streams(self) -> bool:
        """Whether the upstream was asked for a stream."""
        return self.wants_stream and self.errand is None

    def _asked(self) -> Json:
        """What the answer repeats of the request; None: what it says."""
        call = self.call
        if self._store is None or call.protocol != RESPONSES or not isinstance(call.parsed, dict):
            return None
        return {**call.parsed, "store": self._told is not None}

    def _to_keep(self, said: Json, upstream: Upstream, now: float) -> Json:
        """The whole request of an answer that the app may name later; None: nothing is kept.

        What the app's own host answers it keeps itself, and nobody else has to.
        """
        call, store = self.call, self._store
        if store is None or call.is_for(upstream) or not _may_be_named(call):
            return None
        if said is not call.parsed:
            return said
        try:
            return expanded(call, store, now)
        except TransformError:
            return None

    def hear(self, pieces: Iterable[bytes]) -> None:
        """These are for the app."""
        if self._passed is not None:
            for piece in pieces:
                self._passed.add(piece)

    def remember(self, translator: Translator, owner: str, now: float) -> None:
        """The answer is whole. To be told before the app has all of it, for its next request may
        come at once."""
        if self._remembered:
            return
        self._remembered = True
        if self._ledger is not None:
            self._ledger.record(translator.turn, translator.states, owner, now)
        if self._store is not None and self._told is not None:
            answer = self._passed.told() if self._passed else translator.told()
            if answer is not None:
                record, history = RECORD[self.call.protocol]
                record(self._store, answer, self._told.get(history), now, self._by)


def _may_be_named(call: Call) -> bool:
    """Whether the app may name the answer later, as it may in Responses where it does not say.

    One in the background has not come with its call: its upstream alone knows it.
    """
    body = call.parsed
    if not isinstance(body, dict):
        return False
    if call.protocol == RESPONSES:
        return body.get("store") is not False and body.get("background") is not True
    return call.protocol in RECORD and body.get("thread") is not None


def spelled_out(call: Call, upstream: Upstream, store: Store | None, now: float) -> Json:
    """The request of `call` with all in it that `upstream` cannot know; TransformError where nobody
    does.

    An upstream of the app's own protocol that keeps answers knows those it gave, and may know what
    is not known here. All others know nothing.
    """
    same = upstream.protocol == call.protocol
    if store is None and not same:
        return call.parsed  # which the translator refuses, where it names something
    keeps = same and (call.is_for(upstream) or upstream.profile.store)
    if keeps and not (store and store.has_named(call.parsed, now, but_of=upstream.name)):
        return call.parsed
    known = expanded(call, store, now)
    return {**known, "thread": NEW} if keeps and "thread" in call.parsed else known


def expanded(call: Call, store: Store | None, now: float) -> Json:
    """The request of `call` with all in it that it names; TransformError for what is not known."""
    if call.protocol not in EXPAND:
        return call.parsed
    known = EXPAND[call.protocol](store or NOTHING, call.parsed, now)
    return call.parsed if store is None else known
