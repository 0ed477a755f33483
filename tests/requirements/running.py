"""The service as it is run, for the tests that need real processes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.gateway import Gateway, until
from tests.processes import Server


@dataclass
class Running:
    """Two worker processes on one SQLite file, and the gateway that they send over."""

    server: Server
    gateway: Gateway
    key: str
    _last: int = 0

    def new_number(self) -> str:
        """An example number nobody was sent a code at yet."""
        self._last += 1
        return f"+9198765{self._last:05}"

    def started(self) -> tuple[str, str]:
        """A verification whose message is out, and its code."""
        number = self.new_number()
        answer = self.server.start_verification(number, self.key)
        assert answer.status == 201, answer
        until(lambda: bool(self.gateway.codes_for(number)))
        return answer.body["id"], self.gateway.codes_for(number)[0]

    def read(self, id: str) -> dict[str, object]:
        body: dict[str, object] = self.server.call(
            "GET", f"/v1/verifications/{id}", key=self.key
        ).body
        return body
