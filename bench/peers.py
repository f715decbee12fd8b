"""What a user would put there instead: each takes the same report in the form that it knows.

All on the same core, in turns. None of them does what the exporter does before it answers: see
docs/benchmarks.md for what each leaves out. Those built from source are looked for in PATH.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench import servers, throughput
from bench.latency import family, metrics
from bench.servers import Server, free_port, running, tool

LUA: Final = Path(__file__).with_name("peers.lua")
CORE: Final = "0"
GENERATOR: Final = 1

_NGINX: Final = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi; keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; return 204; }}
}}
"""


@contextmanager
def _nginx() -> Iterator[Server]:
    """Answers, and looks at nothing."""
    with servers.folder() as folder:
        port, configuration = free_port(), folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, port=port))
        command = [tool("nginx", "nginx"), "-c", str(configuration), "-p", str(folder)]
        with running("nginx 204", command, CORE, {}) as run:
            yield servers.ready(Server("nginx 204", port, port, run))


@contextmanager
def _pushgateway(*options: str) -> Iterator[Server]:
    """In memory; what a page sends replaces what it sent before."""
    port = free_port()
    program = tool("prometheus-pushgateway", "prometheus-pushgateway")
    command = [program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", *options]
    name = "pushgateway, unchecked" if options else "pushgateway"
    with running(name, command, CORE, {}) as run:
        yield servers.ready(Server(name, port, port, run))


@contextmanager
def _statsd() -> Iterator[Server]:
    """Counts and adds up in memory, and answers nobody."""
    port, lines = free_port(), free_port()
    command = [
        *("statsd_exporter", f"--web.listen-address=127.0.0.1:{port}"),
        *(f"--statsd.listen-tcp=127.0.0.1:{lines}", "--statsd.listen-udp=", "--log.level=error"),
    ]
    with running("statsd_exporter", command, CORE, {}) as run:
        yield servers.ready(Server("statsd_exporter", lines, port, run))


@contextmanager
def _faro_receiver() -> Iterator[Server]:
    """Grafana Alloy's receiver with its logs formatted and dropped."""
    port = free_port()
    with running("Alloy's Faro receiver", ["faroreceiver", str(port)], CORE, {}) as run:
        yield servers.ready(Server("Alloy's Faro receiver", port, port, run))


@contextmanager
def _ours_with_faro() -> Iterator[Server]:
    """The exporter again, for what Faro's SDK sends."""
    with servers.exporter(CORE) as server:
        yield server._replace(name="exporter, on /collect")


_REPORT: Final = (
    "upload.duration_seconds:{duration}|h|#{tags}\nupload.ttfb_seconds:{ttfb}|h|#{tags}\n"
    "upload.throughput:{throughput}|h|#{tags}\nupload.bytes:{size}|c|#{tags}\n"
    "upload.chunks:8|c|#{tags}\nupload.first_try_chunks:7|c|#{tags}\nupload.reports:1|c|#{tags}\n"
)
_TAGS: Final = "result:success,device:desktop,browser:chrome,network:4g,size_class:medium"


Load = Callable[[Server, float], throughput.Round]


def _browser(server: Server, seconds: float) -> throughput.Round:
    """Reports as our tracker sends them."""
    return throughput.drive(server, seconds, GENERATOR)


def _by_wrk(form: str) -> Load:
    """Reports by HTTP, in one of the forms of peers.lua."""

    def load(server: Server, seconds: float) -> throughput.Round:
        return throughput.drive(server, seconds, GENERATOR, LUA, form)

    return load


def _by_statsd(server: Server, seconds: float) -> throughput.Round:
    """Reports as lines of StatsD, as fast as they are read; what is counted is what it counted."""
    reports = [
        _REPORT.format(
            duration=4 + n * 0.037,
            ttfb=0.08 + n % 400 / 1000,
            throughput=400_000 + n * 1300,
            size=1_000_000 + n * 90_000,
            tags=_TAGS,
        )
        for n in range(1000)
    ]
    parts = ["".join(reports[n : n + 20]).encode() for n in range(0, 1000, 20)]
    before, cpu = _reports(server), server.cpu_seconds()
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        sent = 0
        for part in itertools.cycle(parts):
            connection.sendall(part)
            sent += 20
            if time.monotonic() - began > seconds:
                break
    while _reports(server) - before < sent:
        time.sleep(0.05)
    took = time.monotonic() - began
    return throughput.Round(sent / took, (server.cpu_seconds() - cpu) / sent * 1e6, 0)


def _reports(server: Server) -> float:
    return family(metrics(server.operations), "upload_reports")


class Peer(NamedTuple):
    """A server, how it is loaded, and, where it has to be built from source, what that makes."""

    start: Callable[[], AbstractContextManager[Server]]
    load: Load
    program: str | None = None


OURS: Final = Peer(lambda: servers.exporter(CORE), _browser)
PEERS: Final = (
    Peer(lambda: servers.bare(CORE), _browser),
    Peer(_nginx, _browser),
    Peer(_pushgateway, _by_wrk("pushgateway")),
    Peer(lambda: _pushgateway("--push.disable-consistency-check"), _by_wrk("pushgateway")),
    Peer(lambda: servers.victoria_metrics(CORE), _by_wrk("line")),
    Peer(_statsd, _by_statsd, "statsd_exporter"),
    Peer(_ours_with_faro, _by_wrk("faro")),
    Peer(_faro_receiver, _by_wrk("faro"), "faroreceiver"),
)


class _Ratios(NamedTuple):
    """A peer over the exporter, round by round."""

    per_second: list[float]
    cpu: list[float]
    microseconds: list[float]
    errors: list[int]


def run(rounds: int, seconds: float) -> None:
    """Print for each peer how it compares to the exporter in the same rounds."""
    with ExitStack() as stack:
        ours = stack.enter_context(OURS.start())
        running_peers = []
        for peer in PEERS:
            if peer.program is not None and shutil.which(peer.program) is None:
                print(f"{peer.program} is not in PATH: left out (docs/benchmarks.md says how)")
                continue
            running_peers.append((peer, stack.enter_context(peer.start())))
        found = {server: _Ratios([], [], [], []) for _, server in running_peers}
        own = _Ratios([], [], [], [])
        for peer, server in [(OURS, ours), *running_peers]:
            peer.load(server, 1)
        for number in range(rounds):
            base = OURS.load(ours, seconds)
            _add(own, base, base)
            for peer, server in running_peers if number % 2 == 0 else reversed(running_peers):
                _add(found[server], peer.load(server, seconds), base)
    print(f"{'':24}  reports, peer / ours    CPU of a report, peer / ours    µs  errors")
    for server, ratios in {ours: own, **found}.items():
        print(
            f"{server.name:24}  {_spread(ratios.per_second)}  {_spread(ratios.cpu):>28}"
            f"  {min(ratios.microseconds):6.1f}  {sum(ratios.errors):6}"
        )


def _add(ratios: _Ratios, peer: throughput.Round, ours: throughput.Round) -> None:
    ratios.per_second.append(peer.per_second / ours.per_second)
    ratios.cpu.append(peer.cpu_microseconds / ours.cpu_microseconds)
    ratios.microseconds.append(peer.cpu_microseconds)
    ratios.errors.append(peer.errors)


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
