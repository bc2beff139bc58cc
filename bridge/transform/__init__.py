"""Translation between LLM protocols: pure functions and state machines, bytes in and bytes out."""

from .model import Error, Protocol, Usage
from .notes import CODES, Note, TransformError
from .profile import Profile
from .traits import Traits
from .translator import PROTOCOLS, Translator, detect, encode_refusal, traits

__all__ = [
    "CODES",
    "PROTOCOLS",
    "Error",
    "Note",
    "Profile",
    "Protocol",
    "TransformError",
    "Traits",
    "Translator",
    "Usage",
    "detect",
    "encode_refusal",
    "traits",
]
