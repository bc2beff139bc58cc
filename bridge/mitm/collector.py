"""Python's collector of cycles, set for a process that stays and drops much that has none.

It looks again and again for cycles among all objects: among mitmproxy's and ours, which are there
to stay, that takes 60 ms in which every stream stands still, and a long history is made of
thousands that end without it.
"""

import gc

YOUNG_OBJECTS = 10_000  # so many new ones before it looks among them; Python's own is 2000


def settle() -> None:
    """Leave what there is now out of it for good, and look less often at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
