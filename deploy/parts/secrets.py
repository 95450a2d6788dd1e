"""Secrets of one stack: made once, kept in a file that only its owner may read."""

import base64
import json
import secrets
import threading
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import OKPKey

from deploy.parts.machine import write_private


class Secrets:
    """Named random passwords; one is made when it is first asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        # The parts prepare themselves side by side, in threads.
        self._lock = threading.Lock()
        self._values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str, *, size: int = 24) -> str:
        """The secret of this name; letters, digits, - and _ only, so that it fits in a URL and in a config file."""
        return self._keep(name, secrets.token_urlsafe(size))

    def registrar(self, name: str) -> str:
        """A registrar's EPP password: RFC 5730 allows 16 characters."""
        return self.get(f"epp_{name}", size=12)

    def stack_id(self) -> str:
        """A name for this stack that no other one has."""
        return self._keep("stack_id", uuid.uuid4().hex[:12])

    def _keep(self, name: str, fresh: str) -> str:
        with self._lock:
            if name not in self._values:
                self._values[name] = fresh
                write_private(self._file, json.dumps(self._values, indent=1))
            return self._values[name]


def sealing_keys(base: Path, service: str = "identity") -> Path:
    """The keys that a service seals its secrets with, a line each in base64; one is made the first time."""
    file = base / ("sealing_keys" if service == "identity" else f"{service}_sealing_keys")
    if not file.exists():
        write_private(file, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return file


def actor_keys(base: Path) -> tuple[Path, Path]:
    """The key pair of the actor tokens: the private PEM, for identity alone, and the public JWKS for everybody."""
    private, public = base / "actor_key.pem", base / "actor_public.json"
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        write_private(private, pem)
        public.unlink(missing_ok=True)
    if not public.exists():
        jwk = OKPKey.import_key(private.read_text())
        jwk.ensure_kid()
        entry = {**jwk.as_dict(private=False), "alg": "Ed25519", "use": "sig"}
        public.write_text(json.dumps({"keys": [entry]}, indent=1))
    return private, public
