"""Secrets that we give out: 256 random bits with a telling prefix; only their SHA-256 is kept."""

import hashlib
import secrets

SESSION = "ps_"
TOKEN = "pt_"  # noqa: S105 - a prefix
PENDING_SIGN_IN = "pp_"
OPERATOR = "po_"
SIGN_IN_LINK = "pl_"
INVITATION = "pi_"
RESET = "pw_"
#: Of OAuth: an app's access and refresh tokens, its codes, its own secret, and the handle of an authorization in hand.
ACCESS = "pa_"
REFRESH = "pr_"
CODE = "pc_"
CLIENT = "pk_"
REQUEST = "pq_"


def make(prefix: str) -> str:
    """A new secret, to be shown once."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored and looked up. No slow hash: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()
