"""Which of the twin's doors a request goes to."""

from __future__ import annotations

import dataclasses
import ipaddress
from email.utils import format_datetime
from urllib.parse import urlsplit

from otp.twin import api, bodies, control
from otp.twin.page import Handset
from otp.twin.state import State
from otp.twin.wire import Answer, Reply, Request


class TwinSite:
    """*names*: host names that the control door and the handset answer to, beside addresses."""

    def __init__(self, state: State, *, names: tuple[str, ...] = ()) -> None:
        self._state = state
        self._names = {"localhost", *names}
        self._api = api.Api(state)
        self._control = control.Control(state)
        self._handset = Handset(state)

    def cuts(self, start: bytes) -> bool:
        _, _, rest = start.partition(b" ")
        path = rest.split(b" ")[0].partition(b"?")[0].decode(errors="replace")
        return path.startswith(api.BASE) and self._state.cuts(path.removeprefix(api.BASE))

    def reply(self, request: Request) -> Reply:
        if request.path.startswith(api.BASE):
            reply = self._api.reply(request)
        elif request.path == "/login":
            reply = Reply(answer=bodies.login_page())
        else:
            reply = Reply(answer=self._ours(request))
        date = format_datetime(self._state.now(), usegmt=True)
        answer = reply.answer
        dated = dataclasses.replace(answer, headers={"Date": date, **answer.headers})
        return dataclasses.replace(reply, answer=dated)

    def _ours(self, request: Request) -> Answer:
        if not self._is_addressed(request.headers.get("Host", "")):
            return bodies.error(403, "The twin answers to its address, not to this name.")
        if request.path.startswith(control.BASE):
            return self._control.answer(request)
        return self._handset.answer(request)

    def _is_addressed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
