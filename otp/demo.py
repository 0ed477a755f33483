"""What demo mode makes on its first start: secret keys, and a client to try the API with.

Both are kept in small files under the data folder, readable by their owner only, so that every
start shows the same keys. Nothing here is used outside of demo mode.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from otp.client import ApiKey, Client, Mode, Rights
from otp.errors import NotFound
from otp.keys import KEY_BYTES, TokenBytes
from otp.store import Store

CLIENT_FILE: Final = "demo-client.json"
_KEYS_FILE: Final = "demo-secret-keys"


def secret_keys(data_dir: Path, token_bytes: TokenBytes) -> str:
    """The secret keys of this demo, as `OTP_SECRET_KEYS` would hold them."""
    drawn = base64.b64encode(token_bytes(KEY_BYTES)).decode()
    return _kept(data_dir / _KEYS_FILE, lambda: f"demo:{drawn}")


def client(
    store: Store, data_dir: Path, *, token_bytes: TokenBytes, now: datetime
) -> dict[str, str]:
    """The demo client's id and its keys in clear, by kind (`sk_live` …)."""

    def make() -> str:
        made = Client(id=Client.new_id(token_bytes), name="Demo client", created_at=now)
        store.put_client(made)
        texts = {"client": made.id}
        for rights in Rights:
            for mode in Mode:
                key, text = ApiKey.issue(made.id, rights, mode, token_bytes=token_bytes, now=now)
                store.put_key(key)
                texts[f"{rights}_{mode}"] = text
        return json.dumps(texts)

    path = data_dir / CLIENT_FILE
    known: dict[str, str] = json.loads(_kept(path, make))
    try:
        store.client(known["client"])
    except NotFound:  # of a database that is gone
        path.unlink()
        known = json.loads(_kept(path, make))
    return known


def _kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds, made once; of several processes that start at once, one makes it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        if not text:
            text = make()
            file.write(text)
        return text
