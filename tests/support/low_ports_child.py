"""A script: imports from scripted servers on ports below 1024, in a network of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import network_namespace
import trustme
from scripted_import import ScriptedImport
from server_certificates import contexts_of


def play(folder: Path, ca: trustme.CA, case: dict[str, Any], settings: dict[str, Any]) -> object:
    ca_file, contexts = str(folder / "ca.pem"), contexts_of(ca, folder)
    with ScriptedImport(folder, ca_file, contexts, protocol=case.get("protocol", "smtp")) as play:
        name = case["id"]
        play.add(name, case["script"], secure=case["secure"], port=case["port"])
        play.run(**settings)
        return {
            "code": play.code(name),
            "logins": play.logins(name),
            "passwords": play.passwords(name),
            "seconds": play.servers[name].seconds,
            "text": play.text,
        }


def main() -> None:
    order = json.load(sys.stdin)
    with TemporaryDirectory() as name:
        folder = Path(name)
        network_namespace.enter(folder, resolv_conf="", hosts="127.0.0.1 localhost\n")
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(folder / "ca.pem"))
        cases, settings = order["cases"], order["settings"]
        json.dump({each["id"]: play(folder, ca, each, settings) for each in cases}, sys.stdout)


if __name__ == "__main__":
    main()
