"""What upstreams turned out not to take, so that no second request is refused for the same.

In: a refusal that a changed request may cure, and whether it did. Out: how to make the requests of
a call. Options belong to an upstream and a model; state in the history (signatures, ciphertexts) to
a conversation. An app that talks to its own vendor hears every refusal itself: nothing is changed.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from .call import Call
from .transform import Error, Note, Profile
from .transform.json_text import Json
from .transform.repair import is_foreign_state, is_unbound, repair, room
from .upstream import Upstream

MAX_REPAIRS = 3  # of one call at one upstream, each of another thing
MAX_KNOWN = 1_000  # upstreams with a model, and conversations


@dataclass(frozen=True, slots=True)
class Fit:
    """How the request of a call has to be made for an upstream."""

    profile: Profile
    notes: tuple[Note, ...] = ()
    unbound: bool = False  # thinking of another conversation is to be dropped
    renewed: bool = False  # the upstream takes no state that it made before
    room: int | None = None  # tokens of the context that the input of this call leaves
    repairs: int = 0  # of this call

    def made(self) -> Profile:
        profile = replace(self.profile, drop_unbound=True) if self.unbound else self.profile
        if self.room is None:
            return profile
        return replace(profile, output_limits=(("*", self.room), *profile.output_limits))

    def owner(self, upstream: Upstream) -> str:
        """Who owns the state of its answers, and gets it back."""
        return f"{upstream.name}+" if self.renewed else upstream.name


class Repairs:
    """Kept from one call to the next, in memory, bounded."""

    def __init__(self) -> None:
        self._options: dict[tuple[Upstream, str], Fit] = {}
        self._state: dict[tuple[str, str], Fit] = {}

    def fit(self, upstream: Upstream, call: Call) -> Fit:
        """What is known of `upstream` that concerns `call`."""
        if call.is_for(upstream):
            return Fit(upstream.profile)
        fit = self._options.get(_options_key(upstream, call)) if self._options else None
        fit = fit or Fit(upstream.profile)
        state = self._state.get((upstream.name, call.conversation)) if self._state else None
        if state is None:
            return fit
        notes = (*fit.notes, *state.notes)
        return replace(fit, notes=notes, unbound=state.unbound, renewed=state.renewed)

    def cured(
        self, fit: Fit, error: Error, upstream: Upstream, call: Call, body: Json
    ) -> Fit | None:
        """What to make of `call` after `body`, made by `fit`, was refused; None: nothing helps."""
        if fit.repairs == MAX_REPAIRS or call.is_for(upstream):
            return None
        once_more = replace(fit, repairs=fit.repairs + 1)
        same = upstream.protocol == call.protocol
        if is_unbound(error):
            can = not same and upstream.protocol == "anthropic_messages" and not fit.unbound
            return replace(once_more, unbound=True) if can else None
        if is_foreign_state(error):
            return replace(once_more, renewed=True) if not fit.renewed else None
        left = room(error, body)
        if left is not None:
            return replace(once_more, room=left) if left != fit.room else None
        found = repair(error, body, fit.profile, upstream.protocol, same=same)
        if found is None:
            return None
        note = Note("request_repaired", found.where, f"{upstream.name}: {found.detail}")
        return replace(once_more, profile=found.profile, notes=(*fit.notes, note))

    def learn(self, fit: Fit, upstream: Upstream, call: Call) -> None:
        """`fit` made a request of `call` that was taken."""
        if fit.profile != upstream.profile:
            options = Fit(fit.profile, fit.notes)
            _put(self._options, _options_key(upstream, call), options)
        if fit.unbound or fit.renewed:
            state = replace(fit, notes=(), repairs=0)
            _put(self._state, (upstream.name, call.conversation), state)

    def forget(self, upstream: str | None) -> None:
        """What was learned of this one; None: of all."""
        self._options = {
            key: fit for key, fit in self._options.items() if upstream not in (None, key[0].name)
        }
        self._state = {
            key: fit for key, fit in self._state.items() if upstream not in (None, key[0])
        }


def _options_key(upstream: Upstream, call: Call) -> tuple[Upstream, str]:
    return upstream, upstream.model_for(call.model) or call.model


def _put[K: Hashable](known: dict[K, Fit], key: K, fit: Fit) -> None:
    known[key] = fit
    if len(known) > MAX_KNOWN:
        del known[next(iter(known))]
