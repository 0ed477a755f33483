"""A person with a plain browser: reads pages, fills in forms, follows redirects, runs no script."""

from __future__ import annotations

from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.world import NUMBER

Attributes = dict[str, str | None]


class Page(HTMLParser):
    """What a page holds: its forms by action, its elements by id, its title and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.elements: list[tuple[str, Attributes]] = []
        self.title = ""
        self.text = ""
        self._form: dict[str, str] = {}
        self._select = ""
        self._in = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.elements.append((tag, held))
        self._in = tag
        if tag == "form":
            self._form = self.forms.setdefault(held["action"] or "", {})
        elif tag == "input":
            self._form[held["name"] or ""] = held.get("value") or ""
        elif tag == "select":
            self._select = held["name"] or ""
        elif tag == "option" and "selected" in held:
            self._form[self._select] = held["value"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "title":
            self.title += data
        else:
            self.text += f" {data}"

    def element(self, id: str) -> Attributes:
        [found] = [held for _, held in self.elements if held.get("id") == id]
        return found

    def all(self, tag: str) -> list[Attributes]:
        return [held for name, held in self.elements if name == tag]


class Person:
    """*answer* is what the last request came to, *page* what is on the screen."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.answer: TestResponse
        self.page = Page("")

    def open(self, path: str) -> Page:
        """Go to *path*, wherever that leads."""
        self._keep(self.client.get(path))
        return self._follow()

    def press(self, action: str, headers: dict[str, str] | None = None, **typed: str) -> Page:
        """Fill in the form with this *action*, send it, and see where that leads."""
        self.post(action, headers, **typed)
        return self._follow()

    def post(
        self, action: str, headers: dict[str, str] | None = None, **typed: str
    ) -> TestResponse:
        """Send the form that is on the screen; stay there unless a page came back."""
        answer = self.client.post(
            action, data={**self.page.forms[action], **typed}, headers=headers
        )
        self._keep(answer)
        return answer

    def ask_for_a_code(self, number: str = NUMBER) -> Page:
        self.open("/sign-in")
        return self.press("/sign-in", phone_number=number)

    def cookie(self) -> str:
        """The session cookie as the browser would send it."""
        held = self.client.get_cookie("otp")
        return held.value if held else ""

    def _keep(self, answer: TestResponse) -> None:
        self.answer = answer
        if answer.status_code != 303:
            self.page = Page(answer.text)

    def _follow(self) -> Page:
        for _ in range(5):
            if self.answer.status_code != 303:
                return self.page
            self._keep(self.client.get(self.answer.headers["Location"]))
        raise AssertionError("redirected in a circle")
