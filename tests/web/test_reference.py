"""The API as a page for people, held against the document that programs read."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from otp.store.flags import PAUSED
from otp.web.explanations import EXPLANATIONS
from otp.web.kinds import KINDS
from otp.web.openapi import document
from otp.web.operations import OPERATIONS, RESERVED
from tests.web.person import Page, Person
from tests.world import NUMBER, ServiceWorld

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
URL = "http://localhost"  # as tests.world has it
PAGES = ["/docs", "/problems", *(f"/problems/{word}" for word in sorted(KINDS))]

Json = dict[str, Any]


@pytest.fixture
def docs(person: Person) -> Page:
    return person.open("/docs")


@pytest.fixture
def html(person: Person, docs: Page) -> str:
    return person.answer.text


def slices(html: str) -> dict[str, str]:
    """The page from each anchor to the next heading of the same or a higher level."""
    found = {}
    for match in re.finditer(r'<(h[23]) id="([^"]+)">', html):
        level, id = match.groups()
        later = re.compile(f"<h[1-{level[1]}][ >]").search(html, match.end())
        found[id] = html[match.start() : later.start() if later else len(html)]
    return found


def sections(html: str) -> dict[str, str]:
    """What the page says under each anchor."""
    return {id: Page(part).text for id, part in slices(html).items()}


def members(node: Any) -> Iterator[str]:
    """The name of every member that a schema describes, at any depth."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for child in node.values():
            yield from members(child)
    elif isinstance(node, list):
        for child in node:
            yield from members(child)


def referred(node: Any) -> Iterator[str]:
    """The schemas that a node names."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield from [child.rpartition("/")[2]] if key == "$ref" else referred(child)
    elif isinstance(node, list):
        for child in node:
            yield from referred(child)


def operations(made: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in made["paths"].items():
        for method, said in methods.items():
            yield method.upper(), path, said


def resolved(made: Json, node: Json) -> Json:
    found: Any = made
    for step in node["$ref"].removeprefix("#/").split("/") if "$ref" in node else ():
        found = found[step]
    return found if "$ref" in node else node


# -- completeness ---------------------------------------------------------------------------------


def test_every_operation_is_under_its_own_name_with_all_that_it_takes_and_answers(
    html: str,
) -> None:
    made, said_under, parts = document(URL), sections(html), slices(html)
    for method, path, said in operations(made):
        here = said_under[said["operationId"]]
        for phrase in (said["summary"], f"{method} {path}", "Answers"):
            assert phrase in here
        for part in said["description"].split("`"):
            assert part.strip() in here
        for given in said.get("parameters", ()):
            parameter = resolved(made, given)
            assert parameter["name"] in here
            assert parameter["example"] in here
        for content in said.get("requestBody", {}).get("content", {}).values():
            body = resolved(made, content["schema"])
            for name, schema in body["properties"].items():
                needed = name in body["required"]
                assert f"{name} {'required' if needed else 'optional'}" in here
                assert schema["description"].split("`")[0].strip(" (") in here
        for status, answer in said["responses"].items():
            [(media_type, content)] = answer["content"].items()
            if "problem" in media_type:
                words = re.findall(r"`(\w+)`", answer["description"])
                assert f"{status} {' , '.join(words)}" in here
                linked = {held["href"] for held in Page(parts[said["operationId"]]).all("a")}
                assert {f"/problems/{word}" for word in words} <= linked
            else:
                assert f"{status} {answer['description'].split('`')[0].strip()}" in here
                for name in referred(content["schema"]):
                    assert name in here


def test_no_member_of_any_schema_is_left_out(html: str) -> None:
    made, said_under, parts = document(URL), sections(html), slices(html)
    bodies = {
        name: said["operationId"]
        for _, _, said in operations(made)
        for name in referred(said.get("requestBody", {}))
    }
    for name, schema in made["components"]["schemas"].items():
        if name.endswith("Problem"):
            status = schema["properties"]["status"]["const"]
            assert (
                f"{status} {schema['description']}"
                in said_under[schema["properties"]["error"]["const"]]
            )
            here = parts[schema["properties"]["error"]["const"]]
            here += parts["problems"].partition("Any path")[0]
        else:
            here = parts[bodies.get(name, name)]
        told = re.findall(r"<dt><code>(\w+)</code>", here)
        assert not set(members(schema)) - set(told), name


def test_every_example_of_a_success_is_shown_to_the_letter(html: str) -> None:
    shown = [json.loads(text) for text in pre(html) if text.startswith("{")]
    found = [
        content["example"]
        for _, _, said in operations(document(URL))
        for answer in said["responses"].values()
        for content in answer["content"].values()
        if "example" in content
    ]
    assert len(found) > 6
    assert shown == found


def test_every_bound_of_a_value_is_said(html: str) -> None:
    text = Page(html).text
    for phrase in (
        "phone_number required , string, at most 64 characters, such as +919876543210",
        "reference optional, string, 1 to 64 characters; or null",
        "channel optional, string, always sms , if left out sms",
        "client_ip optional, string, IPv4 or IPv6; or null",
        "attempts_left whole number, at least 0",
        "data list, each Resource , at most 20",
        "keys list, each Jwk , at least 1",
        "created_at string, a time (RFC 3339, UTC)",
        "approved , expired , canceled",
    ):
        assert phrase in text, phrase


def test_every_header_and_every_way_to_prove_who_asks_is_explained(html: str) -> None:
    made, said_under = document(URL), sections(html)
    for name, header in made["components"]["headers"].items():
        assert name in said_under["headers"]
        assert header["description"] in said_under["headers"]
    for name, scheme in made["components"]["securitySchemes"].items():
        assert f'id="auth-{name}"' in html
        assert scheme["description"].split("`")[0].strip() in said_under["authentication"]
    assert "Retry-After with 429, 503" in said_under["headers"]
    assert "X-Request-Id with every answer" in said_under["headers"]


def test_every_link_of_these_pages_leads_somewhere(person: Person) -> None:
    found: dict[str, Page] = {}
    for path in PAGES:
        found[path] = person.open(path)
    targets = {
        path: {held["id"] for _, held in page.elements if "id" in held}
        for path, page in found.items()
    }
    for path, page in found.items():
        for held in page.all("a"):
            goal = urlsplit(held["href"] or "")
            assert not goal.netloc, "a link of our own"
            to = goal.path or path
            assert to in {*PAGES, "/openapi.json"}, held["href"]
            assert not goal.fragment or goal.fragment in targets[to], (path, held["href"])


def test_the_anchors_of_operations_are_their_names_and_none_comes_twice(docs: Page) -> None:
    ids = [held["id"] for _, held in docs.elements if "id" in held]
    assert len(ids) == len(set(ids))
    assert {row.id for row in OPERATIONS} <= set(ids)
    contents = {held["href"] for held in docs.all("a")}
    assert {f"#{row.id}" for row in OPERATIONS} <= contents


# -- the lines for a shell ------------------------------------------------------------------------


def pre(html: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", html, re.DOTALL)]


def curl(world: ServiceWorld, line: str, **variables: str) -> Any:
    """Ask as the line would, with what the shell knows."""
    for name, value in variables.items():
        line = line.replace(f"${name}", value)
    [_, url, *options] = shlex.split(line)
    sent: Json = {"method": "GET", "headers": {}}
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option == "-H":
            name, _, held = value.partition(": ")
            sent["headers"][name] = held
        elif option == "-d":
            sent |= {"method": "POST", "data": value}
        else:
            assert option == "-X"
            sent["method"] = value
    assert url.startswith(f"{URL}/")
    return world.client().open(url.removeprefix(URL), **sent)


def test_the_lines_for_a_shell_do_what_they_say(world: ServiceWorld, html: str) -> None:
    lines = {
        said["operationId"]: line
        for (_, _, said), line in zip(
            operations(document(URL)),
            [text for text in in_order(html) if text.startswith("curl ")],
            strict=True,
        )
    }
    key = world.keys["sk_live"]
    started = curl(world, lines["startVerification"], KEY=key)
    assert (started.status_code, started.json["reference"]) == (201, "order-7")
    id = started.json["id"]
    code = world.deliver()
    found = curl(world, lines["searchVerifications"], KEY=key)
    assert [row["id"] for row in found.json["data"]] == [id]
    assert curl(world, lines["readVerification"], KEY=key, ID=id).json["id"] == id
    world.clock.turn(seconds=31)
    assert curl(world, lines["resendCode"], KEY=key, ID=id).status_code == 202
    line = lines["checkCode"].replace("482913", code)
    checked = curl(world, line, KEY=key, ID=id)
    assert checked.json["status"] == "approved"
    line = lines["redeemProof"].replace("header.claims.signature", checked.json["proof"])
    assert curl(world, line, KEY=key).json["verification_id"] == id
    assert curl(world, lines["cancelVerification"], KEY=key, ID=id).status_code == 410
    for name in ("readKeys", "readDocument", "isAlive", "isReady"):
        assert curl(world, lines[name]).status_code == 200
    assert "/receipts/mobtexting" in lines["takeReceipts"]
    assert "$WEBHOOK_SECRET" in lines["setUpReceipts"]
    assert "$METRICS_TOKEN" in lines["readMetrics"]


def in_order(html: str) -> list[str]:
    """The lines for a shell in the order of the document, whatever that of the page."""
    under = {
        match[1]: match.end()
        for match in re.finditer(r'<h3 id="([a-z][A-Za-z]+)"><a href="#', html)
    }
    return [pre(html[under[said["operationId"]] :])[0] for _, _, said in operations(document(URL))]


def test_the_lines_name_the_public_address(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_PUBLIC_URL="https://otp.example.com")
    text = world.client().get("/docs", base_url="https://otp.example.com").text
    assert "curl &#34;https://otp.example.com/v1/verifications&#34;" in text
    assert "localhost" not in text
    world.close()


# -- problems -------------------------------------------------------------------------------------


def test_every_kind_of_problem_has_all_its_parts() -> None:
    assert set(EXPLANATIONS) == set(KINDS)
    for word, explained in EXPLANATIONS.items():
        for text in (explained.person, explained.developer, explained.again):
            assert text.endswith("."), word
            assert len(text) > 15, word


def test_every_problem_is_told_to_people_and_to_developers(person: Person) -> None:
    for word, kind in KINDS.items():
        page, told = person.open(f"/problems/{word}"), EXPLANATIONS[word]
        for text in (kind.title, kind.meaning, told.person, told.developer, told.again):
            assert text in page.text
        for heading in ("What to do", "For developers", "Try again?", "What answers it"):
            assert heading in page.text, word
        for name in (*kind.members, *kind.at_times):
            assert f"<dt><code>{name}</code>" in person.answer.text
        linked = {held["href"] or "" for held in page.all("a")}
        answering = {f"/docs#{row.id}" for row in OPERATIONS if word in row.words}
        of_others = {f"/docs#{row.id}" for row in OPERATIONS} - answering
        assert answering <= linked, word
        assert not of_others & linked, word
        assert ("be ready for it" in page.text) == (word in RESERVED)


def test_every_problem_is_shown_as_programs_read_it(person: Person) -> None:
    for word in set(KINDS) - {"csrf"}:
        person.open(f"/problems/{word}")
        [text] = pre(person.answer.text)
        shown = json.loads(text)
        assert (shown["error"], shown["status"]) == (word, KINDS[word].status)
        assert shown["type"] == f"{URL}/problems/{word}"
        assert set(KINDS[word].members) <= set(shown)


def test_what_only_browsers_meet_is_not_said_to_come_from_the_api(person: Person) -> None:
    page = person.open("/problems/csrf")
    assert "The pages alone." in page.text
    assert "<pre>" not in person.answer.text


def test_the_list_of_problems_leads_to_each(person: Person) -> None:
    page = person.open("/problems")
    linked = [held["href"] for held in page.all("a")]
    assert sorted(linked[:-1]) == sorted(f"/problems/{word}" for word in KINDS)
    assert all(kind.title in page.text for kind in KINDS.values())


def test_a_problem_that_a_program_meets_leads_to_its_page(world: ServiceWorld) -> None:
    world.store.put_flag(PAUSED, "1")
    headers = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    said = world.client().post("/v1/verifications", headers=headers, json={"phone_number": NUMBER})
    page = Page(world.client().get(said.json["type"].removeprefix(URL)).text)
    assert said.json["title"] in page.title


# -- both -----------------------------------------------------------------------------------------


def test_the_pages_are_the_same_bytes_whoever_asks_with_whatever(world: ServiceWorld) -> None:
    mark = "qzxj<b>'\"7731"
    sent = {"User-Agent": mark, "Referer": f"http://{mark}", "Accept-Language": mark}
    # Asked first, so that what is kept was drawn for it.
    for path in PAGES:
        asked = world.client().get(
            path, query_string={"word": mark, "reference": mark}, headers=sent
        )
        plain = world.client().get(path)
        assert plain.status_code == asked.status_code == 200
        assert plain.data == asked.data
        assert b"7731" not in asked.data
        assert "Set-Cookie" not in asked.headers
        assert asked.content_type == "text/html; charset=utf-8"
        assert asked.headers["Cache-Control"] == "no-store"
        head = world.client().head(path)
        assert (head.status_code, head.data) == (200, b"")
        assert world.client().post(path).status_code in (403, 405)


def test_a_word_that_is_none_is_not_repeated(world: ServiceWorld) -> None:
    for path in ("/problems/qzxj7731", "/problems/<b>7731", "/docs/7731", "/problems/"):
        answer = world.client().get(path)
        assert answer.status_code == 404
        assert "7731" not in answer.text


def test_the_pages_are_built_for_who_cannot_see_them(person: Person) -> None:
    for path in PAGES:
        page = person.open(path)
        levels = [int(tag[1]) for tag, _ in page.elements if tag in HEADINGS]
        assert (levels[0], levels.count(1)) == (1, 1)
        assert all(below - above <= 1 for above, below in itertools.pairwise(levels)), path
        [html] = page.all("html")
        assert (html["lang"], html["dir"]) == ("en", "ltr")
        assert len(page.all("main")) == 1
        ids = {held.get("id") for _, held in page.elements}
        assert all(nav["aria-labelledby"] in ids for nav in page.all("nav"))
        assert not page.all("script")
        assert not page.all("style")
        assert not [held for _, held in page.elements if "style" in held]


def test_both_are_open_where_sign_in_is_not_and_the_first_page_leads_there(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_SIGN_IN="clients")
    person = Person(world.client())
    linked = {held["href"] for held in person.open("/").all("a")}
    assert linked == {"/docs", "/problems"}
    for path in linked:
        person.open(path or "")
        assert person.answer.status_code == 200
    world.close()


def test_the_pages_count_against_floods_as_any_other(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_FLOOD_LIMIT="2/minute")
    client = world.client()
    assert [client.get(path).status_code for path in ("/docs", "/problems", "/docs")] == [
        200,
        200,
        429,
    ]
    world.close()


def test_the_whole_api_weighs_less_than_a_photograph(person: Person) -> None:
    person.open("/docs")
    assert len(gzip.compress(person.answer.data)) < 12_000
    for word in KINDS:
        person.open(f"/problems/{word}")
        assert len(gzip.compress(person.answer.data)) < 2_500
