"""Programs of Debian that tests start, and the ports that they listen on."""

import os
import random
import shutil
import socket

FIRST, LAST = 12_000, 32_000
"""Below the ports that the kernel lends to outgoing connections, so a killed server gets its own
port back."""
WORKERS = 4
"""Test processes side by side, each with ports of its own: between the choice of a port and the
start of its server, another process may choose as well."""

_given: set[int] = set()


def binary(name: str, package: str) -> str:
    """Return where a program of a Debian package is."""
    found = shutil.which(name)
    assert found, f"{name} is missing: apt-get install --no-install-recommends {package}"
    return found


def free_port() -> int:
    """Return a port that nobody listens on, and that no other test is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    share = (LAST - FIRST) // WORKERS
    while True:
        port = FIRST + worker * share + random.SystemRandom().randrange(share)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
