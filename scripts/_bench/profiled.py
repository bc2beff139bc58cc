"""mitmdump under cProfile: `python -m scripts._bench.profiled FILE [options of mitmdump]`.

What it does after a SIGPROF is recorded: its start would hide all the rest.
"""

import cProfile
import signal
import sys

from mitmproxy.tools.main import mitmdump

profile = cProfile.Profile()
signal.signal(signal.SIGPROF, lambda *_: profile.enable())
try:
    mitmdump(sys.argv[2:])
finally:
    profile.disable()
    profile.dump_stats(sys.argv[1])
