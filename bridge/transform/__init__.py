"""Translation between LLM protocols: pure functions and state machines, bytes in and bytes out."""

from .answers import Error, Usage
from .model import Native, Protocol
from .notes import CODES, Note, TransformError
from .profile import Profile
from .traits import Traits
from .translator import PROTOCOLS, Translator, detect, encode_refusal, traits
from .turn import Turn

__all__ = [
    "CODES",
    "PROTOCOLS",
    "Error",
    "Native",
    "Note",
    "Profile",
    "Protocol",
    "TransformError",
    "Traits",
    "Translator",
    "Turn",
    "Usage",
    "detect",
    "encode_refusal",
    "traits",
]
