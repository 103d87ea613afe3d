"""Connects and look-ups that this process asks Python's socket module for; c-ares has its own."""

from __future__ import annotations

import sys
import threading


class SocketWatch:
    """Keeps connects and look-ups while it is on; an audit hook cannot be taken off."""

    def __init__(self) -> None:
        self.on = False
        self.connects: list[object] = []
        self._sockets: list[object] = []
        self.look_ups: list[tuple[object, ...]] = []
        self._lock = threading.Lock()
        sys.addaudithook(self._hook)

    def begin(self) -> None:
        self.connects, self._sockets, self.look_ups, self.on = [], [], [], True

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.on:
            return
        if event == "socket.connect":
            with self._lock:
                # gevent calls connect again to learn how it ended.
                if not any(arguments[0] is each for each in self._sockets):
                    self._sockets.append(arguments[0])
                    self.connects.append(arguments[1])
        elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
            with self._lock:
                self.look_ups.append((event, *arguments))


WATCH = SocketWatch()
