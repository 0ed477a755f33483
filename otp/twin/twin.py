"""The twin put together: in a process of its own, or inside of a test."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from otp.twin import api
from otp.twin.message import Message
from otp.twin.oddities import Chaos, Oddity
from otp.twin.pusher import Attempt
from otp.twin.rules import Rules
from otp.twin.site import TwinSite
from otp.twin.state import State
from otp.twin.webhooks import Webhook
from otp.twin.wire import Door

_CODE: Final = re.compile(r"(?<![0-9])[0-9]{6,10}(?![0-9])")


class Twin:
    """An SMS gateway that answers at `url` while the `with` block runs.

    The same *seed* draws the same ids and, under the same chaos, the same oddities in the order of
    requests. *names* are host names by which people open the handset.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        seed: str = "twin",
        rules: Rules = Rules(),  # noqa: B008  frozen
        host: str = "127.0.0.1",
        port: int = 0,
        names: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.state = State(clock=clock, seed=seed, rules=rules)
        self._door = Door(TwinSite(self.state, names=names), host=host, port=port, tls=tls)
        self.origin = self._door.url
        self.url = self.origin + api.BASE

    def __enter__(self) -> Twin:
        self.state.pusher.start()
        self._door.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()
        self.state.pusher.stop()

    # -- what it is told ------------------------------------------------------------------------

    def behave(self, *oddities: Oddity) -> None:
        """One after another from now on; then as documented again."""
        self.state.behave(oddities)

    def unleash(self, chaos: Chaos) -> None:
        self.state.unleash(chaos)

    def turn(self, **span: float) -> None:
        """Put its clock ahead, by the arguments of a timedelta."""
        self.state.turn(timedelta(**span))

    def reset(self) -> None:
        self.state.reset()

    def report_to(self, uri: str, *, secret: str, name: str = "") -> str:
        """The id of a webhook made without a challenge, to which all receipts go.

        The same *uri* has the same id in every twin.
        """
        state = self.state
        with state.lock:
            now = state.now()
            digits = hashlib.sha256(uri.encode()).hexdigest()
            webhook = Webhook(
                id="-".join(
                    (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32])
                ),
                name=name,
                uri=uri,
                secret=secret,
                token=digits[32:40],
                created_at=now.isoformat(),
                updated_at=now.isoformat(),
            )
            state.webhooks.keep(webhook)
            state.webhooks.subscribe(webhook.id, "all", now)
        return webhook.id

    # -- what it is asked -----------------------------------------------------------------------

    @property
    def ledger(self) -> list[Message]:
        """Every message, oldest first, those that no handset got included."""
        with self.state.lock:
            return self.state.account.ledger.all()

    @property
    def messages(self) -> list[Message]:
        """What handsets got, oldest first."""
        return [message for message in self.ledger if message.on_handset]

    @property
    def receipts(self) -> list[Attempt]:
        """Every attempt to push one, oldest first."""
        return self.state.pusher.attempts

    @property
    def counts(self) -> dict[str, Any]:
        return self.state.counts()

    @property
    def connections(self) -> int:
        """How many connections were ever taken."""
        return self._door.connections

    @property
    def open_connections(self) -> int:
        return self._door.open_connections

    def texts_for(self, number: str) -> list[str]:
        """The texts that an E.164 number got, oldest first."""
        to = number.removeprefix("+")
        return [message.text for message in self.messages if message.to == to]

    def codes_for(self, number: str) -> list[str]:
        """The codes a person with this number would have read, oldest first."""
        found = [_CODE.search(text) for text in self.texts_for(number)]
        return [match[0] for match in found if match]

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Message]:
        """The ledger, once it holds *count* messages. Raises TimeoutError."""
        state = self.state
        with state.changed:
            if not state.changed.wait_for(lambda: len(state.account.ledger) >= count, seconds):
                raise TimeoutError(f"{len(state.account.ledger)} of {count} messages came")
        return self.ledger
