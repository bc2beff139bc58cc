"""A network of its own for this process and all it starts: loopback, and nothing that leads out.

Without privileges it takes a user namespace besides, in which everybody stays who they are. It must
be entered before there are threads.
"""

import fcntl
import os
import socket
import struct
from pathlib import Path

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


def isolate() -> None:
    """Raises OSError where the system does not allow it."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        os.unshare(os.CLONE_NEWNET)
    else:
        os.unshare(os.CLONE_NEWNET | os.CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_bytes(b"deny")
        Path("/proc/self/uid_map").write_bytes(b"%d %d 1" % (user, user))
        Path("/proc/self/gid_map").write_bytes(b"%d %d 1" % (group, group))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
