"""The request that each upstream gets for a call, and what is kept of the answer for later calls.

In: a call, a target, and how requests have to be made for it. Out: a translator that has made the
request. Hard part: what the app only names (an earlier answer, an item) is put in where the
upstream cannot know it, and told back to the app as it was asked.
"""

from .call import Call
from .ledger import Ledger
from .repairs import Fit
from .routing import Target
from .store import Store
from .transform import CODES, TransformError, Translator
from .transform.json_text import Json, dumps
from .upstream import Upstream


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
        self._told: Json = None  # the request with all that it names, where that is kept
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
        call, store = self.call, self._store
        if store is None or call.protocol != "openai_responses":
            return translator.request(call.body, call.parsed)
        if upstream.protocol == call.protocol and not store.has_named(call.parsed, now):
            return translator.request(call.body, call.parsed)  # it keeps its own
        self._told = told = store.expand(call.parsed, now)
        body = call.body if told is call.parsed else dumps(told)
        asked = {**call.parsed, "store": self._keeps} if isinstance(told, dict) else None
        return translator.request(body, told, asked)

    @property
    def _keeps(self) -> bool:
        """Whether the app may name the answer later, as it may where it does not say."""
        return self._told is not None and self.call.parsed.get("store") is not False

    def remember(self, translator: Translator, owner: str, now: float) -> None:
        """The answer is whole. To be told before the app has all of it, for its next request may
        come at once."""
        if self._remembered:
            return
        self._remembered = True
        if self._ledger is not None:
            self._ledger.record(translator.turn, translator.states, owner, now)
        if self._store is not None and self._keeps and (answer := translator.told()) is not None:
            self._store.record(answer, self._told.get("input"), now)
