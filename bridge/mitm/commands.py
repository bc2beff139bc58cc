"""`bridge.*`: commands of mitmproxy's, for its consoles, its command line and its web page."""

from collections.abc import Callable, Sequence
from typing import Any

from mitmproxy import command, exceptions

from .runtime import Runtime

AUTO = "auto"


class Commands:
    """`runtime` gives the one in force."""

    def __init__(self, runtime: Callable[[], Runtime | None]) -> None:
        self._runtime = runtime

    @command.command("bridge.status")
    def status(self) -> str:
        """Where each route goes, and how its upstreams are."""
        return "\n".join(told(self._in_force().status()))

    @command.command("bridge.use")
    def use(self, upstream: str) -> str:
        """Send calls to this upstream first, whatever its health; "auto": by health again."""
        name = None if upstream == AUTO else upstream
        return self._changed(self._in_force().use, name, "nothing changed")

    @command.command("bridge.reset")
    def reset(self, upstream: str = "") -> str:
        """Forget the cooldowns, counts, errors and refused fields of an upstream, or of all."""
        return self._changed(self._in_force().reset, upstream or None, "forgotten")

    @command.command("bridge.check")
    def check(self) -> str:
        """Probe every upstream now; what comes of it is in `bridge.status` and the log."""
        names = self._in_force().check()
        return f"checking {', '.join(names)}"

    def _in_force(self) -> Runtime:
        runtime = self._runtime()
        if runtime is None:
            raise exceptions.CommandError("the bridge has no configuration")
        return runtime

    def _changed(
        self, change: Callable[[str | None], Sequence[Any]], upstream: str | None, otherwise: str
    ) -> str:
        """What changed; `otherwise` where that is nothing."""
        try:
            changes = change(upstream)
        except ValueError as error:
            raise exceptions.CommandError(f"bridge: {error}") from None
        return "\n".join(map(str, changes)) or otherwise


def told(status: dict[str, Any]) -> list[str]:
    """A status in lines for a person."""
    return [*map(_route, status["routes"]), *map(_upstream, status["upstreams"])]


def _route(route: dict[str, Any]) -> str:
    shadow = f", shadowed by {route['shadow']}" if route["shadow"] else ""
    if not route["order"]:
        return f"{route['name']}: the app's own host{shadow}"
    by_hand = " (chosen by hand)" if route["override"] else ""
    others = [name for name in route["order"] if name != route["active"]]
    then = f", then {', '.join(others)}" if others else ""
    return f"{route['name']}: {route['active']}{by_hand}{then}{shadow}"


def _upstream(upstream: dict[str, Any]) -> str:
    left = upstream["cooldown_left"]
    words = [f"{upstream['state']} for {left:.0f} s" if left else upstream["state"]]
    if upstream["in_flight"]:
        words.append(f"{upstream['in_flight']} under way")
    words += [f"key {n + 1} {key['state']}" for n, key in enumerate(upstream["keys"])]
    for key in ("last_error", "last_check"):
        if upstream[key]:
            words.append(f"{key.replace('_', ' ')}: {upstream[key]}")
    return f"{upstream['name']} ({upstream['url']}): {', '.join(words)}"
