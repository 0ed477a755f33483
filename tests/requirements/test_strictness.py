"""The JSON door takes what it says, from where it says, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from otp.web.api import create_api
from tests.requirements.material import started
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong

JSON = "application/json"


NO_STRINGS = [123456, 123456.0, True, False, None, ["123456"], {"$gt": ""}, [], {}, [[]]]
NO_DIGITS = [
    "１２３４５６",
    "١٢٣٤٥٦",
    "१२३४५६",
    "¹²³⁴⁵⁶",
    "123_456",
    "+123456",
    "0x1E240",
    "123456\x00",
    "\x00123456",
    "1e5",
    "123.456",
    "12345６",
    "١23456",
    "123456\u2028",
    "123456;",
    "1234567",
    "%31%32%33%34%35%36",
]


def test_a_code_is_a_string_of_ascii_digits_and_anything_else_spends_nothing(
    world: ServiceWorld,
) -> None:
    id = started(world)
    world.deliver()
    for code in [*NO_STRINGS, *NO_DIGITS]:
        answer = world.api().check(id, code)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json["error"]) == (422, "invalid_input"), code
    assert world.read(id).attempts == 0


INTERNAL = {
    "id": "ver_" + "0" * 32,
    "status": "approved",
    "attempts": -100,
    "attempts_left": 100,
    "max_attempts": 1000,
    "client_id": "sign-in",
    "code_length": 1,
    "code_life": 10**9,
    "expires_at": "2099-01-01T00:00:00Z",
    "approved_by": "me",
    "is_pending": False,
    "policy": {"max_attempts": 1000},
    "__class__": "x",
    "ttl": 86400,
}


def test_what_is_not_asked_for_is_refused_and_bound_to_nothing(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    before = world.read(id)
    for member, value in INTERNAL.items():
        for path, members in (
            ("", {"phone_number": OTHER_NUMBER}),
            (f"/{id}/check", {"code": code}),
            (f"/{id}/resend", {}),
            (f"/{id}/cancel", {}),
        ):
            answer = world.api().post(f"/v1/verifications{path}", {**members, member: value})
            assert (answer.status_code, answer.json["error"]) == (422, "invalid_input"), member
            assert answer.json["errors"][0]["code"] == "unknown_member"
            assert member not in str(answer.json["errors"][0]["pointer"])
    assert world.read(id) == before


TORN = [
    b'{"code": "000000", "code": "%s"}',
    b'{"code": "%s", "x": NaN}',
    b'\xef\xbb\xbf{"code": "%s"}',
    b'[{"code": "%s"}]',
    b'{"code": "%s"} {}',
    b'{"code": "%s",}',
    b"{'code': '%s'}",
    b'{"code": "%s" /* */}',
    b'{"code": "%s", "y": ' + b"[" * 1500 + b"]" * 1500 + b"}",
    b'{"code": "%s", "y": 1e999}',
]


def test_a_body_that_two_readers_would_read_differently_is_not_read(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver().encode()
    for raw in TORN:
        answer = world.client().post(
            f"/v1/verifications/{id}/check",
            data=raw.replace(b"%s", code),
            headers=bearer(world),
            content_type=JSON,
        )
        assert answer.status_code in (400, 422), raw[:30]
    assert world.read(id).attempts == 0


def test_parameters_of_the_address_are_not_looked_at(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    api = world.api()
    answer = api.post(f"/v1/verifications/{id}/check?code={code}", {"code": wrong(code)})
    assert answer.json["error"] == "wrong_code"
    assert api.post(f"/v1/verifications/{id}/check?code={code}", {}).status_code == 422
    assert api.post(f"/v1/verifications?phone_number=%2B{OTHER_NUMBER[1:]}", {}).status_code == 422
    assert api.get(f"/v1/verifications?phone_number=%2B{NUMBER[1:]}").status_code == 422
    world.sender.run_once()
    assert len(world.provider.sent) == 1


def test_a_method_is_what_the_request_line_says(world: ServiceWorld) -> None:
    id = started(world)
    world.deliver()
    disguises = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    headers = dict.fromkeys(disguises, "POST")
    headers["Authorization"] = f"Bearer {world.keys['sk_live']}"
    client, before = world.client(), world.read(id)
    for method in ("GET", "HEAD"):
        for path in (f"/v1/verifications/{id}", f"/v1/verifications/{id}/cancel"):
            path += "?_method=POST&_method=DELETE"
            assert client.open(path, method=method, headers=headers).status_code in (200, 405)
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "OPTIONS", "FOO"):
        answer = client.open(f"/v1/verifications/{id}/cancel", method=method, headers=headers)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert world.read(id) == before


INJECTIONS = ["' OR 1=1 --", '"; DROP TABLE verification; --', "%' --", "{{7*7}}", "$(id)", "\\"]


def test_what_would_be_code_elsewhere_is_text_here(world: ServiceWorld) -> None:
    api = world.api()
    for place, text in enumerate(INJECTIONS):
        id = started(world, f"+9198765{place:05}", reference=text)
        code = world.deliver()
        assert [v["id"] for v in search(world, text)] == [id]
        assert search(world, "nothing") == []
        for number in (text, f"{OTHER_NUMBER}{text}"):
            assert api.start(number).status_code == 422
        for member in ("purpose", "region", "channel", "client_ip"):
            assert api.start(OTHER_NUMBER, **{member: text}).status_code == 422
        assert api.check(id, text).status_code == 422
        assert api.read(text).status_code == 404
        assert world.api(f"otp_sk_live_{text}").start().status_code == 401
        assert api.check(id, code).status_code == 200


def bearer(world: ServiceWorld) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.keys['sk_live']}"}


def search(world: ServiceWorld, reference: str) -> list[dict[str, Any]]:
    answer = world.client().get(
        "/v1/verifications", query_string={"reference": reference}, headers=bearer(world)
    )
    data: list[dict[str, Any]] = answer.json["data"]
    return data


class Broken:
    """A service with a defect."""

    def start(self, *_: object, **__: object) -> None:
        raise RuntimeError('the secret is 4711 in File "/srv/otp.py" of sqlite3')


def test_a_defect_of_ours_is_a_problem_too_and_tells_nothing(world: ServiceWorld) -> None:
    api = create_api(replace(world.parts.world, service=Broken()))  # type: ignore[arg-type]
    answer = api.test_client().post(
        "/v1/verifications", json={"phone_number": NUMBER}, headers=bearer(world)
    )
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert answer.json == {
        "type": "http://localhost/problems/internal",
        "title": answer.json["title"],
        "status": 500,
        "detail": answer.json["detail"],
        "error": "internal",
        "request_id": answer.headers["X-Request-Id"],
    }
    for word in ("4711", "Traceback", "File", "sqlite", "werkzeug", "RuntimeError"):
        assert word not in answer.text


def test_every_problem_names_a_page_that_explains_it(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    api, app = world.api(), world.api(world.keys["pk_live"])
    refusals = [
        api.start("112"),
        api.check(id, wrong(code)),
        api.check(id, "1"),
        api.resend(id),
        api.read("ver_x"),
        api.get("/v1/verifications/x/y/z"),
        api.get(f"/v1/verifications/{id}/check"),
        api.start(headers={"Idempotency-Key": ""}),
        app.get("/v1/verifications?reference=a"),
        world.api("").start(),
        world.client().post("/v1/verifications", data="x" * 5000, headers=bearer(world)),
        world.client().post("/v1/verifications", data="{}", headers=bearer(world)),
    ]
    words = set()
    for answer in refusals:
        assert answer.content_type == "application/problem+json"
        assert answer.json["status"] == answer.status_code
        assert answer.json["type"] == f"http://localhost/problems/{answer.json['error']}"
        assert world.client().get(f"/problems/{answer.json['error']}").status_code == 200
        assert "instance" not in answer.json
        words.add(answer.json["error"])
        for leak in ("Traceback", "werkzeug", "sqlite", 'File "', ".py"):
            assert leak not in answer.text
    assert len(words) >= 10


ORIGINS = ["https://evil.example", "null", "https://localhost.evil.example", "http://localhost"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_no_other_origin_is_let_in(world: ServiceWorld, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    client = world.client()
    before_flight = client.options("/v1/verifications", headers=asked)
    assert before_flight.status_code == 405
    answers = [before_flight, client.get("/sign-in", headers=asked)]
    answers.append(
        client.post(
            "/v1/verifications",
            json={"phone_number": NUMBER},
            headers={**bearer(world), "Origin": origin},
        )
    )
    for answer in answers:
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-c")]


PATHS = [
    "/v1/verifications",
    "/v1/verifications/",
    "//v1/verifications",
    "/v1//verifications",
    "/v1/../v1/verifications",
    "/v1/verifications/.",
    "/V1/verifications",
    "/v1",
]


def test_the_api_never_leads_elsewhere(world: ServiceWorld) -> None:
    """A key that was sent in the clear is not sent on, nor is a body."""
    for scheme in ("http", "https"):
        headers = {**bearer(world), "X-Forwarded-Proto": scheme}
        for path in PATHS:
            for method in ("GET", "POST"):
                answer = world.client().open(path, method=method, json={}, headers=headers)
                assert not 300 <= answer.status_code < 400, path
                assert "Location" not in answer.headers
