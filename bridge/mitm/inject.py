"""`bridge.inject`: faults for the app under test, and the calls that get them.

In: a filter in mitmproxy's own language and a fault, then the calls as they come. Out: for the next
ones that match an answer at once, or a call whose answer is changed; and what is shown of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import command, exceptions, flowfilter, http

from ..call import Call
from ..exchange import Exchange
from ..injection.faults import ANSWERS, Fault, parse_fault, reply
from ..injection.injected import Injected
from ..injection.passing import Passing
from ..trace import Trace
from ..transform import Translator
from ..watched import Watched
from . import flows

CLEAR = "clear"
MAX_PENDING = 100
MARK = ":syringe:"


@dataclass(slots=True)
class Pending:
    matches: flowfilter.TFilter
    fault: Fault
    left: int

    def __str__(self) -> str:
        return f"{self.fault.text}, for the next {self.left} of {self.matches.pattern}"


class Injections:
    """`drives`: whether an answer can be changed while it comes, or only given at once."""

    def __init__(self, clock: Callable[[], float], *, drives: bool) -> None:
        self._clock, self._drives = clock, drives
        self._pending: list[Pending] = []
        self._injected: dict[str, Injected] = {}  # by flow id, while the flow lives

    @command.command("bridge.inject")
    def inject(self, flow_filter: str = "", *fault: str) -> str:
        """Let the next request that matches fail, for the app: bridge.inject ~all 429 count=2.

        Faults: a status, empty, error, cut, stall, slow, split. Without one: what is pending.
        bridge.inject clear: nothing is, from now on.
        """
        if flow_filter == CLEAR and not fault:
            self._pending.clear()
        elif flow_filter or fault:
            self._add(flow_filter, " ".join(fault))
        return "\n".join(map(str, self._pending)) or "nothing is pending"

    def _add(self, flow_filter: str, text: str) -> None:
        try:
            matches, fault = flowfilter.parse(flow_filter), parse_fault(text)
        except ValueError as problem:
            raise exceptions.CommandError(f"bridge: {problem}") from None
        if not self._drives and fault.kind not in ANSWERS:
            allowed = " and ".join(ANSWERS)
            raise exceptions.CommandError(f"bridge: with this mitmproxy there are only {allowed}")
        if len(self._pending) == MAX_PENDING:
            raise exceptions.CommandError(f"bridge: {MAX_PENDING} are pending; {CLEAR} them first")
        self._pending.append(Pending(matches, fault, fault.count))

    # --- calls

    def take(self, flow: http.HTTPFlow) -> Fault | None:
        """The fault of this call: of those that match, the one that was asked for first."""
        found = next((p for p in self._pending if flowfilter.match(p.matches, flow)), None)
        if found is None:
            return None
        found.left -= 1
        if not found.left:
            self._pending.remove(found)
        return found.fault

    def answered(self, flow: http.HTTPFlow, call: Call, fault: Fault) -> bool:
        """Whether the flow has its answer now; else the call goes on, to `change`."""
        given = reply(fault, call.protocol, wants_stream=call.wants_stream)
        if given is None:
            return False
        now = self._clock()
        trace = Trace.of(call, Translator(call.protocol, call.protocol), now)
        trace.bodies.client_response.add(given.body)
        trace.finish(now)
        flow.response = flows.response(given, flow)
        flows.show(flow, trace)
        flow.metadata["bridge"]["injected"] = {"fault": fault.text, "effect": "at once"}
        _mark(flow, fault, "at once")
        return True

    def change(
        self, flow: http.HTTPFlow, call: Call, opened: Exchange | Watched, fault: Fault
    ) -> None:
        """What becomes of `opened` reaches the app by way of `of(flow)`."""
        if isinstance(opened, Watched):
            flow.request.headers["accept-encoding"] = "identity"  # the answer is to be read
        inner = Passing(opened, call) if isinstance(opened, Watched) else opened
        self._injected[flow.id] = Injected(inner, call, fault, self._clock())

    def of(self, flow: http.HTTPFlow) -> Injected | None:
        return self._injected.get(flow.id)

    def end(self, flow: http.HTTPFlow) -> None:
        """The flow is over; what is shown of it, if it is one of these."""
        injected = self._injected.pop(flow.id, None)
        if injected is None:
            return
        now = self._clock()
        if flow.error:
            injected.inner.broke(str(flow.error), now, cancelled=flows.client_is_gone(flow))
        flows.show(flow, injected.inner.trace)
        if flow.response and injected.told is not None:
            flow.response.raw_content = injected.told
        flow.metadata["bridge"] = injected.record(now)
        _mark(flow, injected.fault, injected.effect or "not reached")


def _mark(flow: http.HTTPFlow, fault: Fault, effect: str) -> None:
    flow.comment += f" | injected: {fault.text} ({effect})"
    flow.marked = MARK
