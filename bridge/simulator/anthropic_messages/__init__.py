"""Anthropic Messages, as the vendor speaks it."""

from .answer import counted as counted
from .answer import stream as stream
from .answer import whole as whole
from .errors import error as error
from .errors import error_body as error_body
from .errors import error_frames as error_frames
from .errors import failure as failure
from .errors import headers as headers
from .request import history as history
from .request import read as read
from .rules import check as check
