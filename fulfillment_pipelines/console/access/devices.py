"""Browsers in which a person has signed in before: a lock of the account does not keep the person out of them.

Without that, whoever tries wrong passwords could lock everybody out for ever. A browser keeps a mark that only the
account's password hash can have made, so that nothing is stored here and a new password makes every mark worthless.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fulfillment_pipelines.ledger.accounts import Account


def mark_of(account: Account) -> str:
    """Return a mark for a browser in which the person has just signed in."""
    nonce = secrets.token_hex(16)
    return f"{nonce}.{_seal(account, nonce)}"


def is_known(account: Account, mark: str) -> bool:
    """Return whether a mark was made for this person since the password was last changed."""
    nonce, _, seal = mark.partition(".")
    return hmac.compare_digest(_seal(account, nonce).encode(), seal.encode())


def _seal(account: Account, nonce: str) -> str:
    text = f"device of {account.person_id}: {nonce}"
    return hmac.new(account.password_hash.encode(), text.encode(), hashlib.sha256).hexdigest()
