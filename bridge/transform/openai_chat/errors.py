"""Errors for a client: the envelope that OpenAI's two protocols share."""

from ..openai_errors import encode_error

__all__ = ["encode_error"]
