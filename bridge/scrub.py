"""What looks like a credential, out of the bodies of cases that others will see.

In: the text of a body, JSON, a stream or anything else, and the credentials one knows. Out: the
same with `***` for each. Hard part: keys stand in JSON inside JSON too, in a call's arguments.
"""

import re
from collections.abc import Iterable

from .transform.headers import CREDENTIALS

SHORTEST = 8  # characters of a credential that is looked for by itself
HIDDEN = "***"

# Fields, in bodies, of what lets one in elsewhere: other servers (MCP), or what tools are told.
FIELDS = CREDENTIALS | frozenset(
    """
    authorization_token api_key apikey access_token refresh_token id_token auth_token bearer_token
    client_secret secret_key secret_access_key session_token password passwd private_key set-cookie
    """.split()
)
_NAMES = "|".join(map(re.escape, sorted(FIELDS)))
_FIELD = re.compile(rf"""(\\*"(?:[\w-]*[_-])?(?:{_NAMES})\\*"\s*:\s*\\*")[^"\\]+""", re.IGNORECASE)
# By their own looks. A letter, a digit or a dash before them is of a longer word, or of ciphertext.
_LOOKS = re.compile(
    r"""(?<![\w-])(?:
        (?:sk[-_]|(?:rk|pk|gsk)_)[\w-]{6,}     # OpenAI, Anthropic, OpenRouter, Stripe, Groq
      | xai-\w{20,}
      | (?:ghp|gho|ghs|ghu|github_pat|glpat|hf|npm|pypi)[-_]\w{12,}
      | xox[abprs]-[\w-]{8,}                   # Slack
      | (?:AKIA|ASIA)[A-Z0-9]{12,}             # Amazon
      | AIza[\w-]{20,}                         # Google
      | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}  # a signed token
    )""",
    re.VERBOSE,
)
# Words follow these as well, but those have no digits.
_SCHEME = re.compile(r"\b((?:Bearer|Basic)\s+)(?=[\w.~+/=-]*\d)[\w.~+/=-]{12,}", re.IGNORECASE)
_PEM = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """`text` without them; `known` ones are found whatever they look like."""
    for credential in sorted(known, key=len, reverse=True):
        if len(credential) >= SHORTEST:
            text = text.replace(credential, HIDDEN)
    text = _FIELD.sub(rf"\1{HIDDEN}", text)
    text = _PEM.sub(rf"\1{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1{HIDDEN}", text)
    return _LOOKS.sub(HIDDEN, text)
