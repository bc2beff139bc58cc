"""What happens to the primary while an app is in the middle of its work."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scenario:
    """`faults` of the first requests for the app's model, one each; `dies`: behind its first answer
    the primary is gone. `alike`: the backup speaks the same protocol, of another account."""

    faults: tuple[dict[str, Any], ...] = ()
    dies: bool = False
    alike: bool = False


HEALTHY = Scenario()
# Who may come back at once is asked again for the next answer, and then for the one behind it.
LIMITED = {"kind": "status", "status": 429, "headers": {"retry-after": "0"}}
SCENARIOS = {
    "healthy": HEALTHY,
    "429, then 529": Scenario((LIMITED, {"kind": "status", "status": 529})),
    "dies": Scenario(dies=True, alike=True),
    "error in a 200": Scenario(({"kind": "error_event"}, {"kind": "error_event", "at": 1})),
}
