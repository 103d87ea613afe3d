"""How fast an import is, beside what else one would write: ``python tests/benchmarks/speed.py``.

Mail servers in a process of their own; each client in one of its own, all by turns in the same
run; where there are two processors, servers and clients are each on one of theirs. All clients
verify TLS, and log in 20 at a time. ``bound`` is what the round trips alone take. A table of
medians, and then the bars that this project holds itself to. Takes half an hour; ``--only``
a part of a scenario's name and ``--rounds`` shorten it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme
from bars import MISSED, judged
from clients import Order
from mail_fleet import Fleet, Seen
from measured import Client, Figures
from result import HEAD, Result
from scenarios import DOMAIN, OURS, PEERS, SCENARIOS, Scenario

_HOSTS_OWN = "flask, flask_sqlalchemy, flask_wtf, gevent"


def run(scenario: Scenario, rounds: int, folder: Path, cpus: Sequence[int]) -> list[Result]:
    """Run the clients of a scenario by turns."""
    certificate, ca_file = _certificates(folder)
    figures: dict[str, list[Figures]] = {name: [] for name in scenario.clients}
    seen: dict[str, list[Seen]] = {name: [] for name in scenario.clients}
    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet(scenario.kinds, certificate, cpus[-1:]))
        clients = {}
        for name in scenario.clients:
            rows = scenario.rows_for(name, fleet.ports)
            order = Order(
                client=name,
                rows=rows,
                ca_file=ca_file,
                timeout=scenario.timeout,
                settings={"CONNECT_TIMEOUT": min(8, scenario.timeout)},
                fields=scenario.fields,
                database=scenario.database,
            )
            clients[name] = stack.enter_context(Client(order, cpus[:1], watch=scenario.watch))
        for number in range(rounds):
            for name, client in clients.items():
                # Who waits for each silent row takes minutes, and the same each time.
                if scenario.kinds[-1].silent and name in PEERS and number:
                    continue
                fleet.seen()
                found = client.run()
                if found.good != scenario.good:
                    raise SystemExit(f"{scenario.name}, {name}: {found.good} of {scenario.good}")
                figures[name].append(found)
                seen[name].append(fleet.seen())
    return [
        Result(scenario, name, tuple(figures[name]), tuple(seen[name])) for name in scenario.clients
    ]


def _certificates(folder: Path) -> tuple[Path, str]:
    ca = trustme.CA()
    certificate, ca_file = folder / "servers.pem", folder / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    ca.issue_cert(f"*.{DOMAIN}", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
    return certificate, str(ca_file)


def noise(times: int = 20) -> float:
    """Return how far the times of the same work lie apart, as a share of their median."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        sum(range(1_000_000))
        found.append(time.perf_counter() - start)
    return (max(found) - min(found)) / statistics.median(found)


def start_up(times: int = 5) -> float:
    """Return the milliseconds that our import takes beyond those of what it stands on."""
    hosts_own, both = [], []
    with TemporaryDirectory() as folder:
        # Compiled once, as an installed package is.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}

        def took(modules: str) -> float:
            start = time.perf_counter()
            command = [sys.executable, "-c", f"import {modules}"]
            subprocess.run(command, check=True, env=environment)
            return time.perf_counter() - start

        took(f"{_HOSTS_OWN}, flask_mailbox_import")
        for _ in range(times):
            hosts_own.append(took(_HOSTS_OWN))
            both.append(took(f"{_HOSTS_OWN}, flask_mailbox_import"))
    return 1000 * (statistics.median(both) - statistics.median(hosts_own))


def main() -> bool:
    """Return whether a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a part of the names of the scenarios to run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ours", action="store_true", help="leave out what others would write")
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    results: list[Result] = []
    noises = [noise()]
    print(HEAD)
    for scenario in SCENARIOS:
        if options.only not in scenario.name:
            continue
        if options.ours:
            clients = tuple(each for each in scenario.clients if each in OURS)
            scenario = replace(scenario, clients=clients)
        with TemporaryDirectory() as folder:
            found = run(scenario, options.rounds, Path(folder), cpus)
        noises.append(noise())
        for each in found:
            print(each.line(found[0]))
        sys.stdout.flush()
        results += found
    print(f"\nnoise: the same sum took up to {max(noises):.0%} longer or shorter at times\n")
    if not options.only:
        print(f"import of the package, beyond {_HOSTS_OWN}: {start_up():.0f} ms\n")
    lines = list(judged(results))
    print("\n".join(lines))
    return any(line.startswith(MISSED) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
