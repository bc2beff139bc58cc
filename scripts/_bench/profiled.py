"""mitmdump under cProfile: `python -m scripts._bench.profiled FILE [options of mitmdump]`."""

import cProfile
import sys

from mitmproxy.tools.main import mitmdump

profile = cProfile.Profile()
try:
    profile.runcall(mitmdump, sys.argv[2:])
finally:
    profile.dump_stats(sys.argv[1])
