"""The shell around the doors of the API: Flask, and a short way past it.

A door is a function from what was asked to the answer. Each is a route of Flask. A request that
names a door by exactly its path and method is given to it straight: contexts, hooks, routing and
responses would take a fifth of a start's time. Every other request goes through Flask. Both ways
make the same steps, and `tests/web/test_shell.py` holds their answers against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, g, request
from werkzeug.routing import MapAdapter

from otp.web.asked import Answered, Asked

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask import Request

Door = Callable[..., Answered]
"""Takes an `Asked`, and the id in the path if there is one."""

_ID: Final = "<id>"
_ID_PLACE: Final = 3  # "", "v1", "verifications", id


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What is done about every request beside its door.

    *before* looks at what was asked and may refuse it by raising, *refuse* says what an error is
    answered, and *fields* what an answer of that status carries besides.
    """

    begin: Callable[[WSGIEnvironment, str], None]
    before: Callable[[Asked], None]
    refuse: Callable[[Asked, Exception], Answered]
    fields: Callable[[Asked, int], Iterable[tuple[str, str]]]


class Shell(Flask):
    """Flask without what no request of a machine needs, and every one would pay for."""

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        self.url_map.merge_slashes = False
        self._doors: dict[tuple[str, str], Door] = {}
        self._steps: Steps | None = None

    def door(self, method: str, rule: str, door: Door) -> None:
        """Answer *method* at *rule*, in which only the fourth part may be `<id>`, with *door*."""
        self._doors[method, rule] = door
        self.add_url_rule(
            rule, f"{method} {rule}", lambda **values: door(_asked(), **values), methods=[method]
        )

    def surround(self, steps: Steps) -> None:
        """Do *steps* about every request, whichever way it takes."""
        self._steps = steps

        @self.before_request
        def before() -> None:
            steps.before(_asked())

        @self.after_request
        def after(response: Response) -> Response:
            for name, value in steps.fields(_asked(), response.status_code):
                response.headers.add(name, value)
            return response

        self.register_error_handler(Exception, lambda error: steps.refuse(_asked(), error))

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        door, values = self._straight(environ["REQUEST_METHOD"], path)
        if door is None or self._steps is None:
            return super().wsgi_app(environ, start_response)
        steps, asked = self._steps, Asked(environ, path)
        try:
            steps.begin(environ, path)
            steps.before(asked)
            answer = door(asked, *values)
        except Exception as error:
            answer = steps.refuse(asked, error)
        answer.headers += steps.fields(asked, answer.status)
        return answer(environ, start_response)

    def _straight(self, method: str, path: str) -> tuple[Door | None, list[str]]:
        """The door of exactly this path and method, and the id in it."""
        if not path.isascii():
            return None, []  # Flask decodes it
        parts = path.split("/")
        values = parts[_ID_PLACE : _ID_PLACE + 1]
        if values and values != [""]:
            parts[_ID_PLACE] = _ID
        return self._doors.get((method, "/".join(parts))), values

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view here is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes by method and path alone: no route here asks for a host, and none redirects."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "", "/", "", "http", request.path, request.method)


def _asked() -> Asked:
    """The request under way in Flask."""
    if "asked" not in g:
        g.asked = Asked(request.environ, request.path)
    found: Asked = g.asked
    return found
