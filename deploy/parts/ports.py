"""Ports of the inner parts: chosen once, kept between runs, chosen again when somebody else has taken one."""

import json
import random
import socket
import threading
from pathlib import Path

# Below the range from which the kernel takes the ports of outgoing connections, so that none is lost to chance.
RANGE = range(20_000, 32_000)


def is_free(port: int, *, udp: bool = False, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) if udp else (socket.SOCK_STREAM,):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # As servers do: a connection in TIME_WAIT does not make a port busy.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


class Ports:
    """The ports of one stack, by name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        # The parts prepare themselves side by side, in threads.
        self._lock = threading.Lock()
        self._ports: dict[str, int] = {}
        if file.exists():
            self._ports = {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
        self._settled: set[str] = set()

    def get(self, name: str, *, udp: bool = False) -> int:
        """The port of this name, free when first asked for in a run and the same until its end."""
        with self._lock:
            if name not in self._settled:
                port = self._ports.get(name)
                if port is None or not is_free(port, udp=udp):
                    self._ports[name] = self._choose(udp=udp)
                    self._file.write_text(json.dumps(self._ports, indent=1))
                self._settled.add(name)
            return self._ports[name]

    def _choose(self, *, udp: bool) -> int:
        for _ in range(1000):
            port = random.choice(RANGE)  # noqa: S311 - a port is no secret
            if port not in self._ports.values() and is_free(port, udp=udp):
                return port
        raise RuntimeError("no free port on 127.0.0.1 between 20000 and 32000")

    def as_dict(self) -> dict[str, int]:
        """All ports chosen so far."""
        return dict(self._ports)
