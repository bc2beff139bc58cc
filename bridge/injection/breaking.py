"""An answer that does not come to its end: an error inside it, a cut, silence.

In: the app's answer as it comes. Out: what the app gets of it. Hard part: the place. It lies behind
so many pieces of content, or inside a call; an answer that never gets there still must not end, so
whatever may be the last of it is held back until there is more to say.
"""

from math import inf

from ..call import Call
from ..steps import WAIT, Cut, Say, Step
from ..transform import Translator
from .faults import Fault
from .said import Frames, Reading, Said


class Breaking:
    """`deaf`: nothing that still comes counts."""

    def __init__(self, call: Call, fault: Fault, now: float) -> None:
        self._call, self._fault = call, fault
        self._after = fault.after or (0 if fault.kind == "cut" else 1)  # 0: inside a call
        self._frames, self._reading = Frames(), Reading(call.protocol)
        self._told = Translator(call.protocol, call.protocol, now=now)  # what the app knows
        if call.fault is None:
            self._told.request(call.body, call.parsed)
        self._held: list[bytes] = []
        self._pieces = 0  # of content
        self._failed = False  # by itself
        self._until = inf  # when silence ends
        self.effect = ""

    @property
    def deaf(self) -> bool:
        return self._until < inf

    def wake_at(self) -> float:
        return self._until

    def bend(self, data: bytes, now: float, *, over: bool) -> Step:
        if self.deaf:
            return Cut([]) if now >= self._until else WAIT
        if self._call.wants_stream:
            return self._stream(self._frames.feed(data, over=over), now, over=over)
        return self._whole(data, now) if over else WAIT

    def _whole(self, body: bytes, now: float) -> Step:
        if self._fault.kind == "cut":
            return self._break([body[: len(body) // 2]], "behind half of the body", now)
        return self._break([], "instead of an answer", now)

    def _stream(self, events: list[bytes], now: float, *, over: bool) -> Step:
        out, there = self._read(events)
        if out:
            self._told.stream(b"".join(out))
        if there:
            return self._break(out, self._place(), now)
        if over and not self._failed:
            return self._break(out, "before its end", now)
        return Say(out, over) if out or over else WAIT

    def _read(self, events: list[bytes]) -> tuple[list[bytes], bool]:
        """What the app gets of them, and whether the place is behind that."""
        out: list[bytes] = []
        for event in events:
            said = self._reading.read(event)
            self._failed = self._failed or said.failed
            self._pieces += said.content
            if not self._failed and (last := self._last(event, said)) is not None:
                return [piece for piece in (*out, *self._held, last) if piece], True
            self._held.append(event)
            if said.is_open or self._failed or not self._reading.begun:
                out, self._held = out + self._held, []
        return out, False

    def _last(self, event: bytes, said: Said) -> bytes | None:
        """What the app still gets of `event`, if this is the place."""
        if self._after:
            return None if self._pieces < self._after else event if said.is_open else b""
        if not (said.in_call or said.call_is_whole):
            return None
        return event[: len(event) // 2] if said.call_is_whole else event

    def _place(self) -> str:
        if not self._after:
            return "inside a call"
        return f"behind {self._pieces} piece{'s' if self._pieces > 1 else ''} of content"

    def _break(self, out: list[bytes], place: str, now: float) -> Step:
        self.effect = place
        match self._fault.kind:
            case "cut":
                return Cut(out)
            case "stall":
                self._until = now + self._fault.seconds
                return Say(out) if out else WAIT
            case _:
                return Say([*out, *self._told.break_off(self._fault.error)], over=True)
