"""One installation under load: its database, a client's key, numbers nobody used yet, codes.

The codes come from here where the web process sends nothing: a sender of this process draws them
on the same database, between the measurements.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from app import Parts, assemble, now, read_settings
from bench.gateway import CODE
from bench.load import Wrong
from otp.client import ApiKey, Client, Mode, Rights
from otp.errors import Forged
from otp.providers import Asked, Balance, DeliveryReceipt, Inbound, Reply, Sms

_NUMBERS = 100_000
_SENDERS = 16


@dataclass
class Recorder:
    """A provider that keeps the code of each verification."""

    name: str = "mobtexting"
    patience: timedelta = timedelta(seconds=5)
    per_minute: int | None = None
    codes: dict[str, str] = field(default_factory=dict)

    def send(self, sms: Sms) -> str:
        found = CODE.search(sms.text.encode())
        assert found
        self.codes["ver_" + sms.reference.rpartition("-")[0]] = found[0].decode()
        return f"bench-{sms.reference}"

    def receive(self, inbound: Inbound) -> Reply:
        raise Forged

    can_ask: bool = False

    def ask(self, asked: Asked) -> DeliveryReceipt | None:
        return None

    def balance(self) -> Balance:
        return Balance(None)


class Site:
    def __init__(self, env: dict[str, str], code: str | None = None) -> None:
        self.env = env
        self._code = code
        self.recorder = Recorder()
        self._logs = open(os.devnull, "w")  # noqa: SIM115  closed in close
        self.parts: Parts = assemble(read_settings(env), logs=self._logs, route=[self.recorder])
        world = self.parts.world
        client = Client(id=Client.new_id(world.token_bytes), name="Acme", created_at=now())
        world.store.put_client(client)
        key, self.key = ApiKey.issue(
            client.id, Rights.SECRET, Mode.LIVE, token_bytes=world.token_bytes, now=now()
        )
        world.store.put_key(key)
        self.client_id = client.id
        self._places: Iterator[int] = itertools.count()

    def number(self) -> str:
        """An example number of this installation that was not used before."""
        place = next(self._places)
        if place >= _NUMBERS:
            raise Wrong(f"there are {_NUMBERS} example numbers: ask for fewer pairs or rounds")
        return f"+9198765{place * 61_803 % _NUMBERS:05}"  # next to each other in nothing

    def start_body(self, number: str) -> bytes:
        """With a person's address, of the range that is kept for benchmarks (RFC 2544)."""
        spread = int(number[-5:]) * 7919 % 131_072
        address = f"198.{18 + (spread >> 16)}.{spread >> 8 & 255}.{spread & 255}"
        return json.dumps({"phone_number": number, "client_ip": address}).encode()

    def codes_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Send all that is queued; the code of each verification."""
        if self._code:
            return dict.fromkeys(ids, self._code)
        codes = self._drawn()
        if len(set(ids)) != len(ids) or set(ids) - set(codes):
            raise Wrong(f"{len(set(ids))} verifications of {len(ids)} starts, {len(codes)} codes")
        return codes

    def _drawn(self) -> dict[str, str]:
        failed: list[BaseException] = []

        def send() -> None:
            try:
                self.parts.sender.run_once()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=send) for _ in range(_SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        codes, self.recorder.codes = self.recorder.codes, {}
        return codes

    def close(self) -> None:
        self.parts.close()
        self._logs.close()


@contextmanager
def site(env: dict[str, str], code: str | None = None) -> Iterator[Site]:
    """Until the block ends. With *code*, all codes are that one, and none is drawn."""
    Path(env["OTP_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    made = Site(env, code)
    try:
        yield made
    finally:
        made.close()
