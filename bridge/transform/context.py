"""What the two codecs of one exchange share."""

from dataclasses import dataclass, field

from .envelope import seal, unseal
from .families import VENDOR
from .json_text import Json
from .model import Native, Protocol, Request
from .notes import Notes
from .profile import Profile


@dataclass(slots=True)
class Context:
    """One exchange: who talks to whom, under which profile, and what was noted on the way.

    `model` is the name the upstream gets, "" for the client's own; `upstream_id` names the owner of
    opaque state; `key` seals envelopes; `now` is seconds since the epoch. `request` is the client's
    request once it is decoded.
    """

    client: Protocol
    upstream: Protocol
    profile: Profile
    model: str = ""
    upstream_id: str = ""
    key: bytes = b"\0"
    now: float = 0.0
    notes: Notes = field(default_factory=Notes)
    request: Request | None = None
    raw: Json = None  # the client's body, where it was passed on unread
    betas: list[str] = field(default_factory=list)  # of Anthropic's API, that the request needs

    def seal(self, native: Native) -> str | None:
        """An envelope for the client; None, with a note, when the state is too large for one."""
        sealed = seal(native, self.key)
        if sealed is None:
            self.notes.add("opaque_too_large", "", f"state of {native.upstream or native.protocol}")
        return sealed

    def unseal(self, text: str, where: str) -> Native | None:
        """The content of an envelope a client sent back; None, with a note, when it is no good."""
        opened = unseal(text, self.key)
        if isinstance(opened, Native):
            return opened
        self.notes.add(opened, where)
        return None

    def owns(self, native: Native) -> bool:
        """Whether the upstream of this exchange made `native` and may have it back."""
        return native.protocol == self.upstream and native.upstream == self.upstream_id


def context(client: Protocol, upstream: Protocol, profile: Profile | None = None) -> Context:
    """A context with defaults: the vendor's own profile."""
    return Context(client, upstream, profile or VENDOR[upstream])
