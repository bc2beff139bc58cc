"""Commands for captured calls: send them once more, keep them as tests, see their page."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mitmproxy.types
from mitmproxy import command, ctx, exceptions, flow, http

from ..call import Call
from ..capture import NoCase, case_of
from ..cases import Case, save
from ..transform.headers import REQUEST_ID
from ..upstream import Upstream
from . import flows as ours
from .origin import Origins, Unknown
from .replay import Replays
from .runtime import Runtime

PAGES = "http://bridge.local"  # through the proxy, where there is no web interface
ANY_HOST = ("", "0.0.0.0", "::")


class Captured:
    """`runtime` gives the one in force."""

    def __init__(
        self, runtime: Callable[[], Runtime | None], origins: Origins, replays: Replays
    ) -> None:
        self._runtime, self._origins, self._replays = runtime, origins, replays

    @command.command("bridge.replay")
    def replay(self, flows: Sequence[flow.Flow], upstream: str) -> str:
        """Send what the apps had sent to this upstream, and put the answers beside the others."""
        target = self._upstream(upstream)

        def once_more(one: http.HTTPFlow) -> str:
            of = self._call_of(one)
            return str(self._replays.start(of, self._origins.call(of), target, "replay").id)

        return _each(flows, once_more)

    @command.command("bridge.export")
    def export(self, flows: Sequence[flow.Flow], path: mitmproxy.types.Path) -> str:
        """Write a regression case for each call: files in a folder, or a .json file for one."""
        folder, name = Path(path), ""
        if folder.suffix == ".json" and len(flows) == 1:
            folder, name = folder.parent, folder.name

        def written(one: http.HTTPFlow) -> str:
            case = self._case(one)
            file = folder / (name or f"{case.name}.json")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                save(case, file)
            except OSError as error:
                raise NoCase(f"{file} cannot be written: {error.strerror}") from None
            told = "".join(f"\n  not as it was captured: {line}" for line in case.differs)
            return f"{file}{told}"

        return _each(flows, written)

    @command.command("bridge.open")
    def open(self, flow: flow.Flow) -> str:
        """The address of the page of a call."""
        attempt = flow.metadata.get("bridge_attempt") or {"of": flow.id}
        return f"{_pages()}#/call/{attempt['of']}"

    # --- inside

    def _in_force(self) -> Runtime:
        runtime = self._runtime()
        if runtime is None:
            raise exceptions.CommandError("the bridge has no configuration")
        return runtime

    def _upstream(self, name: str) -> Upstream:
        upstreams = self._in_force().config.upstreams
        if name not in upstreams:
            problem = f'"{name}" is not one of {", ".join(upstreams)}'
            raise exceptions.CommandError(f"bridge: {problem}")
        return upstreams[name]

    def _call_of(self, one: http.HTTPFlow) -> http.HTTPFlow:
        """The flow of the call that a failed attempt belongs to, while it is there."""
        attempt = one.metadata.get("bridge_attempt")
        view = ctx.master.addons.get("view") if attempt else None
        return (view.get_by_id(attempt["of"]) if attempt and view else None) or one

    def _case(self, one: http.HTTPFlow) -> Case:
        call = self._origins.call(self._call_of(one))
        record = _record(one, call)
        [*_, last] = record["attempts"] or [{"upstream": ""}]
        name = last["upstream"].partition("#")[0]
        known = self._in_force().known(call, name, record["upstream"])
        known = replace(known, request_id=_request_id(one))
        title = f"{record['client']}-{record['upstream']}-{one.id[:8]}"
        return case_of(title, record, call.body, known, one.comment)


def _record(one: http.HTTPFlow, call: Call) -> dict[str, Any]:
    """Of a call, or of a failed attempt, which has the most of one."""
    attempt = one.metadata.get("bridge_attempt")
    if attempt is None:
        record: dict[str, Any] | None = one.metadata.get("bridge")
        if record is None:
            raise NoCase("it has no record of the bridge's")
        return record
    sent = ours.call_of(one, attempt["protocol"])
    bodies = {"upstream_request": sent.body.decode("utf-8", "replace")}
    if one.response:
        came = ours.reply_of(one.response).body
        bodies["upstream_response"] = came.decode("utf-8", "replace")
    status = one.response.status_code if one.response else 0
    return {
        "client": attempt["client"],
        "upstream": attempt["protocol"],
        "route": attempt["upstream"],
        "model": {"asked": call.model, "used": sent.model},
        "started": one.timestamp_created,
        "attempts": [{"upstream": attempt["upstream"], "outcome": "error", "status": status}],
        "bodies": bodies,
    }


def _request_id(one: http.HTTPFlow) -> str | None:
    headers = one.response.headers if one.response else {}
    return next((headers[name] for name in REQUEST_ID.values() if name in headers), None)


def _each(flows: Sequence[flow.Flow], do: Callable[[http.HTTPFlow], str]) -> str:
    """A line for each flow; CommandError where nothing could be done for any."""
    lines, done = [], 0
    for one in flows:
        try:
            if not isinstance(one, http.HTTPFlow):
                raise Unknown("it is no HTTP flow")
            lines.append(do(one))
            done += 1
        except (Unknown, NoCase) as problem:
            lines.append(f"{one.id}: {problem}")
    if not done:
        raise exceptions.CommandError("bridge: " + ("\n".join(lines) or "no flow was named"))
    return "\n".join(lines)


def _pages() -> str:
    if not hasattr(ctx.options, "web_port"):
        return f"{PAGES}/"
    host = ctx.options.web_host
    host = "127.0.0.1" if host in ANY_HOST else f"[{host}]" if ":" in host else host
    return f"http://{host}:{ctx.options.web_port}/bridge/"
