"""A network of its own for a child process, in which it has every address of the world."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from child_processes import run_child

#: The first of these that works is taken; the second needs root.
_WAYS = (
    ("unshare", "--user", "--map-root-user", "--net", "--mount"),
    ("unshare", "--net", "--mount"),
)

# <linux/sockios.h>, <linux/if.h>
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
# <linux/netlink.h>, <linux/rtnetlink.h>
_NLM_F_REQUEST_ACK_CREATE = 0x1 | 0x4 | 0x400
_RTM_NEWROUTE = 24
_RTA_OIF = 4
_RT_TABLE_LOCAL = 255
_RTPROT_STATIC = 4
_RT_SCOPE_HOST = 254
_RTN_LOCAL = 2


def run(script: Path, order: object) -> Any:
    """Run a script in a network of its own: it reads its order as JSON, and prints its report so.

    Skips the test on a machine where none can be made.
    """
    way = next((each for each in _WAYS if _works(each)), None)
    if way is None:
        pytest.skip("needs Linux's unshare, and root or unprivileged user namespaces")
    return run_child(way, script, order)


def _works(way: tuple[str, ...]) -> bool:
    found = shutil.which(way[0]) is not None
    return found and subprocess.run([*way, "true"], capture_output=True).returncode == 0


def enter(folder: Path, *, resolv_conf: str, hosts: str) -> None:
    """Set up the network of this process, and what its resolvers read; ``run`` began it."""
    _bring_up_loopback()
    _own_every_address(socket.AF_INET)
    with contextlib.suppress(OSError):  # a kernel without IPv6
        _own_every_address(socket.AF_INET6)
    for name, text in (("resolv.conf", resolv_conf), ("hosts", hosts)):
        path = folder / name
        path.write_text(text)
        subprocess.run(["mount", "--bind", str(path), f"/etc/{name}"], check=True)


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def _own_every_address(family: int) -> None:
    """Do ``ip route add local default dev lo``, on a machine that may have no ip command."""
    route = struct.pack(
        "=8BI",
        *(family, 0, 0, 0, _RT_TABLE_LOCAL, _RTPROT_STATIC, _RT_SCOPE_HOST, _RTN_LOCAL, 0),
    )
    device = struct.pack("=HHI", 8, _RTA_OIF, socket.if_nametoindex("lo"))
    length = 16 + len(route) + len(device)
    head = struct.pack("=IHHII", length, _RTM_NEWROUTE, _NLM_F_REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.send(head + route + device)
        (number,) = struct.unpack_from("=i", sock.recv(4096), 16)
    if number:
        raise OSError(-number, os.strerror(-number))
