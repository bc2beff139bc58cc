"""What the values of a configuration answer; how they are read: test_config.py."""

import pytest

from bridge.settings import Failover, Intercept
from bridge.transform.families import HOSTS


@pytest.mark.parametrize(
    "host, covered",
    [
        ("api.openai.com", True),
        ("API.OPENAI.COM", True),
        ("eu.example.com", True),
        ("example.com", False),
        ("api.openai.com.evil.test", False),
    ],
)
def test_intercepted_hosts(host: str, covered: bool) -> None:
    assert Intercept(("api.openai.com", "*.example.com")).covers(host) is covered


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_whose_family_is_known_are_intercepted(host: str) -> None:
    """Azure's are those of its customers."""
    assert Intercept().covers(host) or Intercept().covers(f"resource.{host}")


@pytest.mark.parametrize(
    "host", ["auth.openai.com", "statsig.anthropic.com", "ab.chatgpt.com", "azure.com", "127.0.0.1"]
)
def test_others_of_the_same_vendors_are_not(host: str) -> None:
    assert not Intercept().covers(host)


@pytest.mark.parametrize(
    "cooldown, cap, doubled, expected",
    [
        pytest.param(300, 3600, 0, 300, id="as configured at first"),
        pytest.param(300, 3600, 1, 600, id="doubled"),
        pytest.param(300, 3600, 3, 2400, id="and doubled again"),
        pytest.param(300, 3600, 4, 3600, id="up to the cap"),
        pytest.param(300, 3600, 99, 3600, id="and no further"),
        pytest.param(7200, 3600, 0, 7200, id="the configured one is never shortened"),
        pytest.param(7200, 3600, 1, 7200, id="nor lengthened beyond the cap"),
        pytest.param(0, 3600, 5, 0, id="none stays none"),
    ],
)
def test_cooldowns(cooldown: float, cap: float, doubled: int, expected: float) -> None:
    assert Failover(cooldown=cooldown, max_cooldown=cap).cooldown_at(doubled) == expected
