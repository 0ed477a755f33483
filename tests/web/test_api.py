"""The JSON door, one story at a time."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from otp.errors import Unreachable
from otp.phone import Phone
from otp.store.flags import blocked_flag
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong

MEMBERS = {
    "id",
    "status",
    "phone_number_masked",
    "channel",
    "purpose",
    "reference",
    "support_code",
    "code_length",
    "attempts_left",
    "sends_left",
    "resend_in",
    "expires_in",
    "created_at",
    "expires_at",
    "ended_at",
    "delivery",
}


def started(world: ServiceWorld, number: str = NUMBER, **members: str) -> str:
    answer = world.api().start(number, **members)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def test_a_start_answers_the_resource_as_documented(world: ServiceWorld) -> None:
    answer = world.api().start(purpose="sign-in", reference="order-7")
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/verifications/{answer.json['id']}"
    assert set(answer.json) == MEMBERS
    assert re.fullmatch(r"ver_[0-9a-f]{32}", answer.json["id"])
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", answer.json["support_code"])
    shown = {name: answer.json[name] for name in MEMBERS - {"id", "support_code"}}
    assert shown == {
        "status": "pending",
        "phone_number_masked": "+91••••••3210",
        "channel": "sms",
        "purpose": "sign-in",
        "reference": "order-7",
        "code_length": 6,
        "attempts_left": 5,
        "sends_left": 3,
        "resend_in": 30,
        "expires_in": 600,
        "created_at": "2026-11-22T08:39:27Z",
        "expires_at": "2026-11-22T08:49:27Z",
        "ended_at": None,
        "delivery": {"status": "queued", "reason": None, "updated_at": "2026-11-22T08:39:27Z"},
    }


def test_the_right_code_approves_and_answers_a_proof(world: ServiceWorld) -> None:
    id = started(world)
    answer = world.api().check(id, world.deliver())
    assert answer.status_code == 200
    assert answer.json["status"] == "approved"
    assert answer.json["phone_number"] == NUMBER
    assert answer.json["proof"].count(".") == 2
    assert answer.json["proof_expires_in"] == 300
    assert answer.json["expires_in"] is None


def test_a_publishable_key_proves_a_number_and_never_reads_it(world: ServiceWorld) -> None:
    app = world.api(world.keys["pk_live"])
    id = app.start().json["id"]
    answer = app.check(id, world.deliver())
    assert answer.status_code == 200
    assert "phone_number" not in answer.json
    assert answer.json["proof"]


def test_what_an_app_started_its_own_server_may_check(world: ServiceWorld) -> None:
    id = world.api(world.keys["pk_live"]).start().json["id"]
    assert world.api().check(id, world.deliver()).status_code == 200


def test_spaces_and_dashes_in_a_code_are_fine(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    assert world.api().check(id, f" {code[:3]}-{code[3:]}\n").status_code == 200


def test_wrong_codes_are_counted_down_and_then_it_has_ended(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    for left in (4, 3, 2, 1):
        answer = world.api().check(id, wrong(code))
        assert (answer.status_code, answer.json["error"]) == (422, "wrong_code")
        assert answer.json["attempts_left"] == left
        assert answer.json["verification"]["attempts_left"] == left
    last = world.api().check(id, wrong(code))
    assert (last.status_code, last.json["error"]) == (410, "verification_ended")
    assert last.json["verification_status"] == "max_attempts_reached"
    right, other = world.api().check(id, code), world.api().check(id, wrong(code))
    assert {k: v for k, v in right.json.items() if k != "request_id"} == {
        k: v for k, v in other.json.items() if k != "request_id"
    }


@pytest.mark.parametrize("code", ["12345", "1234567", "abcdef", "", "１２３４５６", "1234 5x"])
def test_what_cannot_be_a_code_costs_nothing(world: ServiceWorld, code: str) -> None:
    id = started(world)
    answer = world.api().check(id, code)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_input")
    assert answer.json["errors"][0]["pointer"] == "/code"
    assert world.read(id).attempts == 0


def test_another_purpose_costs_nothing(world: ServiceWorld) -> None:
    id = started(world, purpose="sign-in")
    answer = world.api().check(id, world.deliver(), purpose="change-number")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/purpose")
    assert world.read(id).attempts == 0


def test_the_same_right_code_gets_the_same_answer_for_a_minute(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    first = world.api().check(id, code).json
    world.clock.turn(seconds=59)
    again = world.api().check(id, code)
    assert again.status_code == 200
    claims = [answer["proof"].split(".")[1] for answer in (first, again.json)]
    assert claims[0] == claims[1]
    world.clock.turn(seconds=1)
    assert world.api().check(id, code).status_code == 410


def test_another_key_of_the_client_is_not_told_again(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    world.api().check(id, code)
    assert world.api(world.keys["pk_live"]).check(id, code).status_code == 410


def test_a_resend_waits_and_then_sends_a_new_code(world: ServiceWorld) -> None:
    id = started(world)
    first = world.deliver()
    soon = world.api().resend(id)
    assert (soon.status_code, soon.json["error"], soon.json["retry_in"]) == (429, "too_soon", 30)
    assert soon.headers["Retry-After"] == "30"
    world.clock.turn(seconds=30)
    again = world.api().resend(id)
    assert again.status_code == 202
    assert (again.json["sends_left"], again.json["resend_in"]) == (2, 60)
    assert world.deliver() != first
    assert len(world.provider.sent) == 2
    assert world.api().check(id, first).status_code == 200, "the older of two live codes is good"


def test_sends_run_out(world: ServiceWorld) -> None:
    id = started(world)
    for wait in (30, 60, 120):
        world.clock.turn(seconds=wait)
        assert world.api().resend(id).status_code == 202
    world.clock.turn(seconds=300)
    answer = world.api().resend(id)
    assert (answer.status_code, answer.json["quota"]) == (429, "verification")
    assert answer.json["verification"]["resend_in"] is None


def test_cancel_twice_is_fine_and_ends_it(world: ServiceWorld) -> None:
    id = started(world)
    assert world.api().cancel(id).json["status"] == "canceled"
    assert world.api().cancel(id).status_code == 200
    world.sender.run_once()
    assert world.provider.sent == []
    assert world.api().resend(id).status_code == 410


def test_an_approved_one_cannot_be_canceled(world: ServiceWorld) -> None:
    id = started(world)
    world.api().check(id, world.deliver())
    assert world.api().cancel(id).json["verification_status"] == "approved"


def test_time_ends_it_without_a_job(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    world.clock.turn(seconds=600)
    assert world.api().read(id).json["status"] == "expired"
    answer = world.api().check(id, code)
    assert (answer.status_code, answer.json["verification_status"]) == (410, "expired")
    assert answer.json["ended_at"] == "2026-11-22T08:49:27Z"


# -- starts of one number -------------------------------------------------------------------------


def test_a_server_resumes_what_is_pending_and_sends_only_when_the_wait_is_over(
    world: ServiceWorld,
) -> None:
    id = started(world, purpose="sign-in")
    world.deliver()
    soon = world.api().start("098765 43210", purpose="sign-in")
    assert (soon.status_code, soon.json["id"], soon.json["resumed"]) == (200, id, True)
    assert soon.json["sends_left"] == 3
    world.clock.turn(seconds=30)
    later = world.api().start(purpose="sign-in")
    assert (later.status_code, later.json["id"], later.json["sends_left"]) == (200, id, 2)
    world.deliver()
    assert len(world.provider.sent) == 2


def test_another_purpose_is_another_verification_and_waits(world: ServiceWorld) -> None:
    started(world, purpose="sign-in")
    answer = world.api().start(purpose="change-number")
    assert (answer.status_code, answer.json["error"]) == (429, "too_soon")
    world.clock.turn(seconds=30)
    assert world.api().start(purpose="change-number").status_code == 201


def test_nobody_touches_anothers_and_waits_belong_to_the_number(world: ServiceWorld) -> None:
    id = started(world)
    _, keys = world.add_client("Other")
    other = world.api(keys["sk_live"])
    refusal = other.start()
    assert (refusal.status_code, refusal.json["error"]) == (429, "too_soon")
    assert "verification" not in refusal.json
    assert other.check(id, world.deliver()).status_code == 404
    assert world.read(id).attempts == 0
    world.clock.turn(seconds=30)
    assert other.start().status_code == 201


def test_a_resend_waits_for_another_clients_message_too(world: ServiceWorld) -> None:
    id = started(world)
    _, keys = world.add_client("Other")
    world.clock.turn(seconds=30)
    assert world.api(keys["sk_live"]).start().status_code == 201
    world.clock.turn(seconds=10)
    answer = world.api().resend(id)
    assert (answer.status_code, answer.json["retry_in"]) == (429, 20)
    assert answer.json["verification"]["id"] == id
    world.clock.turn(seconds=20)
    assert world.api().resend(id).status_code == 202


def test_an_app_never_resumes(world: ServiceWorld) -> None:
    started(world)
    assert world.api(world.keys["pk_live"]).start().status_code == 429


def test_after_an_approval_the_wait_of_the_number_still_holds(world: ServiceWorld) -> None:
    id = started(world)
    world.api().check(id, world.deliver())
    assert world.api().start().json["error"] == "too_soon"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("+9198765", "too_short"),
        ("+91987654321012", "too_long"),
        ("+911145678901", "not_mobile"),
        ("+447400123456", "country_not_served"),
        ("+91 98765 HELLO", "not_a_number"),
        ("112", "too_short"),
        ("", "not_a_number"),
    ],
)
def test_a_number_we_do_not_serve_is_refused_with_its_reason(
    world: ServiceWorld, number: str, reason: str
) -> None:
    answer = world.api().start(number)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_phone_number")
    assert answer.json["reason"] == reason
    assert not number or number not in answer.text


def test_a_blocked_number_is_refused(world: ServiceWorld) -> None:
    world.store.put_flag(blocked_flag(world.store.lookup, Phone.of(NUMBER)), "1")
    assert world.api().start().json["reason"] == "blocked"
    assert world.api().start(OTHER_NUMBER).status_code == 201


def test_paused_means_no_start_and_no_message_while_checks_go_on(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    world.clock.turn(seconds=30)
    world.store.put_flag("pause", "1")
    for answer in (world.api().start(OTHER_NUMBER), world.api().resend(id)):
        assert (answer.status_code, answer.json["reason"]) == (503, "paused")
        assert int(answer.headers["Retry-After"]) >= 1
    assert "reason" not in world.api(world.keys["pk_live"]).start(OTHER_NUMBER).json
    assert world.client().get("/readyz").json["checks"]["sending"] == "paused"
    assert world.api().check(id, code).status_code == 200


# -- keys -----------------------------------------------------------------------------------------


def test_no_key_wrong_key_and_revoked_key_are_the_same_refusal(world: ServiceWorld) -> None:
    good = world.keys["sk_live"]
    key = next(k for k in world.store.keys(world.client_id) if k.id in world.keys["pk_live"])
    world.store.put_key(replace(key, revoked_at=world.clock()))
    bodies = set()
    flipped = good[:-1] + ("0" if good[-1] != "0" else "1")
    for text in ("", "x", good.replace("_sk_", "_pk_"), flipped, world.keys["pk_live"], "é" * 9):
        answer = world.api(text).start() if text != "" else world.api("").start()
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        bodies.add(str({k: v for k, v in answer.json.items() if k != "request_id"}))
    assert len(bodies) == 1


def test_a_key_comes_as_a_bearer_and_in_no_other_way(world: ServiceWorld) -> None:
    key = world.keys["sk_live"]
    client = world.client()
    path = "/v1/verifications?reference=a"
    for text in (f"Basic {key}", f"Anything {key}", key, f"Bearer: {key}"):
        assert client.get(path, headers={"Authorization": text}).status_code == 401
    assert client.get(f"{path}&access_token={key}").status_code == 401
    assert client.get(path, headers={"Authorization": f"bearer  {key}"}).status_code == 200


def test_only_a_server_speaks_for_a_persons_address_and_device(world: ServiceWorld) -> None:
    app, server = world.api(world.keys["pk_live"]), world.api()
    for member in ({"client_ip": "192.0.2.7"}, {"device": "d-1"}):
        answer = app.start(**member)
        assert (answer.status_code, answer.json["error"]) == (422, "invalid_input")
        assert answer.json["errors"][0]["pointer"] == f"/{next(iter(member))}"
    id = server.start(client_ip="192.0.2.7", device="d-1").json["id"]
    code = world.deliver()
    assert app.check(id, code, client_ip="192.0.2.7").status_code == 422
    assert server.check(id, code, client_ip="2001:db8::1").status_code == 200


@pytest.mark.parametrize(
    ("member", "longest"), [("nonce", 200), ("reference", 64), ("device", 128), ("locale", 35)]
)
def test_members_have_the_lengths_that_are_documented(
    world: ServiceWorld, member: str, longest: int
) -> None:
    answer = world.api().start(**{member: "x" * (longest + 1)})
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "too_long")
    assert world.api().start(**{member: "x" * longest}).status_code == 201


def test_a_listing_ends_at_twenty(roomy: ServiceWorld) -> None:
    for number in range(21):
        started(roomy, f"+9198765{number:05}", reference="many")
    data = roomy.api().get("/v1/verifications?reference=many").json["data"]
    assert len(data) == 20
    assert len({row["id"][:8] for row in data}) == 20, "ids share no beginning"


def test_a_publishable_key_may_not_search(world: ServiceWorld) -> None:
    answer = world.api(world.keys["pk_live"]).get("/v1/verifications?reference=a")
    assert (answer.status_code, answer.json["error"]) == (403, "forbidden")


def test_a_test_key_touches_nothing_that_is_live(world: ServiceWorld) -> None:
    id = started(world, reference="a")
    code = world.deliver()
    world.clock.turn(seconds=30)
    for kind in ("sk_test", "pk_test"):
        test = world.api(world.keys[kind])
        for answer in (test.read(id), test.resend(id), test.cancel(id), test.check(id, code)):
            assert (answer.status_code, answer.json["error"]) == (404, "not_found")
    listed = world.api(world.keys["sk_test"]).get("/v1/verifications?reference=a")
    assert listed.json == {"data": []}
    assert world.sender.run_once() == 0
    assert world.read(id).attempts == 0


def test_a_test_key_sends_nothing(world: ServiceWorld) -> None:
    answer = world.api(world.keys["sk_test"]).start()
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_phone_number")
    world.sender.run_once()
    assert world.provider.sent == []


def test_a_client_finds_its_own_by_its_reference_newest_first(world: ServiceWorld) -> None:
    first = started(world, reference="order-7")
    world.clock.turn(seconds=31)
    second = started(world, OTHER_NUMBER, reference="order-7")
    _, keys = world.add_client("Other")
    data = world.api().get("/v1/verifications?reference=order-7").json["data"]
    assert [v["id"] for v in data] == [second, first]
    path = "/v1/verifications?reference=order-7"
    assert world.api(keys["sk_live"]).get(path).json == {"data": []}
    assert world.api().get("/v1/verifications").status_code == 422


# -- requests that come again ---------------------------------------------------------------------


def test_a_repeated_start_gets_its_first_answer_and_sends_nothing_more(
    world: ServiceWorld,
) -> None:
    header = {"Idempotency-Key": '"a-7"'}
    first = world.api().start(headers=header)
    again = world.api().start(headers=header)
    assert (again.status_code, again.json["id"]) == (201, first.json["id"])
    world.deliver()
    assert len(world.provider.sent) == 1


def test_the_same_key_with_another_body_is_refused(world: ServiceWorld) -> None:
    header = {"Idempotency-Key": "a-7"}
    world.api().start(headers=header)
    answer = world.api().start(OTHER_NUMBER, headers=header)
    assert (answer.status_code, answer.json["error"]) == (422, "idempotency_mismatch")


def test_another_key_with_the_same_idempotency_key_is_another_request(
    world: ServiceWorld,
) -> None:
    header = {"Idempotency-Key": "a-7"}
    assert world.api().start(headers=header).status_code == 201
    app = world.api(world.keys["pk_live"])
    assert app.start(OTHER_NUMBER, headers=header).status_code == 201


def test_a_repeated_resume_gets_the_same_answer(world: ServiceWorld) -> None:
    id = started(world)
    header = {"Idempotency-Key": "again"}
    for _ in range(2):
        answer = world.api().start(headers=header)
        assert (answer.status_code, answer.json["id"]) == (200, id)
        assert answer.json["resumed"] is True


def test_a_repeated_resend_counts_once(world: ServiceWorld) -> None:
    id = started(world)
    world.clock.turn(seconds=30)
    header = {"Idempotency-Key": "again"}
    assert world.api().resend(id, headers=header).status_code == 202
    assert world.api().resend(id, headers=header).json["sends_left"] == 2


def test_a_wrong_code_is_not_remembered_and_a_right_one_is(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    header = {"Idempotency-Key": "c"}
    for left in (4, 3):
        assert world.api().check(id, wrong(code), headers=header).json["attempts_left"] == left
    header = {"Idempotency-Key": "d"}
    assert world.api().check(id, code, headers=header).status_code == 200
    world.clock.turn(hours=1)
    again = world.api().check(id, code, headers=header)
    assert (again.status_code, again.json["status"]) == (200, "approved")
    assert "proof" not in again.json


def test_a_wrong_code_after_the_right_one_is_never_remembered_as_a_success(
    world: ServiceWorld,
) -> None:
    id = started(world)
    code = world.deliver()
    assert world.api().check(id, code).status_code == 200
    header = {"Idempotency-Key": "w"}
    for _ in range(2):
        assert world.api().check(id, wrong(code), headers=header).status_code == 410


def test_what_has_ended_says_so_whatever_is_submitted(world: ServiceWorld) -> None:
    id = started(world, purpose="sign-in")
    world.api().cancel(id)
    for answer in (
        world.api().check(id, "12"),
        world.api().check(id, "123456", purpose="other"),
        world.api().check(id, "123456"),
    ):
        assert (answer.status_code, answer.json["error"]) == (410, "verification_ended")


@pytest.mark.parametrize("key", ["", '"', "a b", "é", "x" * 300, '""'])
def test_an_idempotency_key_that_is_none_is_malformed(world: ServiceWorld, key: str) -> None:
    answer = world.api().start(headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["error"]) == (400, "malformed_body")


# -- bodies ---------------------------------------------------------------------------------------

JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"x"', 400),
        (b'{"phone_number": NaN}', 400),
        (b'{"phone_number": "a", "phone_number": "b"}', 400),
        (b'\xef\xbb\xbf{"phone_number": "a"}', 400),
        ('{"phone_number": "a"}'.encode("utf-16"), 400),
        (b'{"phone_number": "\\ud83d"}', 400),
        (b"[" * 4000, 400),
        (b'{"phone_number": ' + b"9" * 4000 + b"}", 422),
        (b'{"phone_number": "' + b"9" * 5000 + b'"}', 413),
        (b"{}", 422),
        (b'{"phone_number": 919876543210}', 422),
        (b'{"phone_number": null}', 422),
        (b'{"phone_number": ["+919876543210"]}', 422),
        (b'{"phone_number": "+919876543210", "code": "1"}', 422),
        (b'{"phone_number": "+919876543210", "channel": "fax"}', 422),
        (b'{"phone_number": "+919876543210", "purpose": "Sign In"}', 422),
        (b'{"phone_number": "+919876543210", "client_ip": "here"}', 422),
        (b'{"phone_number": "+919876543210", "client_ip": true}', 422),
        (b'{"phone_number": "+919876543210", "client_ip": 4294967296}', 422),
        (b'{"phone_number": "+919876543210", "client_ip": "::1%eth0"}', 422),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_in_the_one_shape(
    world: ServiceWorld, body: bytes, status: int
) -> None:
    client = world.client()
    headers = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    answer = client.post("/v1/verifications", data=body, headers=headers, content_type=JSON)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert {"type", "title", "status", "detail", "error", "request_id"} <= set(answer.json)
    assert "+919876543210" not in answer.text
    world.sender.run_once()
    assert world.provider.sent == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/vnd.x+json",
                     "application/json; charset=utf-7", ""]
)  # fmt: skip
def test_only_json_is_read(world: ServiceWorld, content_type: str) -> None:
    headers = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    answer = world.client().post(
        "/v1/verifications", data=b"{}", headers=headers, content_type=content_type
    )
    assert (answer.status_code, answer.json["error"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/verifications/x/check", 405),
        ("PUT", "/v1/verifications", 405),
        ("OPTIONS", "/v1/verifications", 405),
        ("TRACE", "/v1/verifications", 405),
        ("GET", "/.well-known/nothing", 404),
        ("POST", "/receipts/mobtexting", 404),
    ],
)
def test_unknown_paths_and_wrong_methods_are_problems_too(
    world: ServiceWorld, method: str, path: str, status: int
) -> None:
    answer = world.client().open(path, method=method)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert ("Allow" in answer.headers) == (status == 405)


def test_unknown_malformed_and_foreign_ids_are_the_same_bytes(world: ServiceWorld) -> None:
    mine = started(world)
    _, keys = world.add_client("Other")
    other = world.api(keys["sk_live"])
    bodies = set()
    for id in (mine, "ver_" + "0" * 32, "ver_x", "x" * 500, "%00", "ver_" + "A" * 32):
        answer = other.read(id)
        assert answer.status_code == 404
        bodies.add(str({k: v for k, v in answer.json.items() if k != "request_id"}))
    assert len(bodies) == 1


def test_a_wait_is_never_told_as_nothing(world: ServiceWorld) -> None:
    id = started(world)
    world.clock.turn(seconds=29, microseconds=999_999)
    answer = world.api().resend(id)
    assert (answer.headers["Retry-After"], answer.json["retry_in"]) == ("1", 1)


def test_every_request_has_a_name_of_its_own(world: ServiceWorld) -> None:
    names = {world.client().get("/healthz").headers["X-Request-Id"] for _ in range(20)}
    assert len(names) == 20


def test_every_answer_is_safe_to_hold(world: ServiceWorld) -> None:
    for answer in (world.api().start(), world.api("").start(), world.client().get("/healthz")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert re.fullmatch(r"[a-z]{20}", answer.headers["X-Request-Id"])
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_provider_that_takes_nothing_shows_and_fails_no_probe(world: ServiceWorld) -> None:
    world.provider.next = [Unreachable("unreachable")] * 50
    started(world)
    seen = []
    for _ in range(9):
        answer = world.client().get("/readyz")
        assert answer.status_code == 200
        seen.append((answer.json["status"], answer.json["checks"]["sending"]))
        world.sender.run_once()
        world.clock.turn(seconds=8)
    checks = {"store": "ok", "sending": "delayed", "routes": {"fake": "half_open"}}
    assert world.client().get("/readyz").json == {"status": "degraded", "checks": checks}
    # Five refusals in a row open the breaker; then a minute in the queue is too long as well.
    assert seen == [("ok", "ok")] * 5 + [("degraded", "ok")] * 3 + [("degraded", "delayed")]


def test_a_store_that_cannot_be_written_is_not_ready(world: ServiceWorld) -> None:
    world.store.close()
    answer = world.client().get("/readyz")
    assert (answer.status_code, answer.json["checks"]["store"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    refusal = world.api().start()
    assert (refusal.status_code, refusal.json["error"]) == (503, "unavailable")


def test_a_foreign_host_is_refused_and_health_answers_any(world: ServiceWorld) -> None:
    client = world.client()
    assert client.get("/v1/verifications", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 200
    assert client.get("/readyz", headers={"Host": "evil.example"}).json["status"] == "ok"


@pytest.mark.parametrize("host", ["a..b", ".127.0.0.1", "x" * 70, "a b", "[::1", ""])
def test_a_host_that_is_none_is_refused_at_every_door(world: ServiceWorld, host: str) -> None:
    for path in ("/sign-in", "/v1/verifications", "/static/otp.css"):
        answer = world.client().get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert answer.headers["X-Request-Id"]
    assert world.client().get("/healthz", headers={"Host": host}).status_code == 200


def test_what_http_knows_and_we_do_not_is_the_callers_fault(world: ServiceWorld) -> None:
    answer = world.client().get("/static/otp.css", headers={"Range": "bytes=99999999-"})
    assert answer.status_code in (200, 400, 416)
    assert world.client().options("/static/otp.css").status_code == 405
