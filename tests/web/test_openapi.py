"""The OpenAPI document says all that the machine doors may be asked, and all that may come back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis.openapi
from flask import Flask

from otp.challenge import Delivery
from otp.floods import Limit
from otp.providers import DeliveryReceipt
from otp.quotas import Quotas
from otp.store.flags import PAUSED, blocked_flag
from otp.web import answers
from otp.web.api import create_api
from otp.web.kinds import KINDS
from otp.web.openapi import document
from otp.web.operations import OPERATIONS, RESERVED
from tests.web.contract import Caller, Contract
from tests.world import NUMBER, WEBHOOK_SECRET, ServiceWorld, code_in, wrong

URL = "http://localhost"
STARTS, JWKS, DOCUMENT = "/v1/verifications", "/.well-known/jwks.json", "/openapi.json"
NO_ID = "ver_" + "0" * 32
REDEEM = "/v1/proofs/redeem"
RECEIPTS = "/receipts/fake"
METRICS_TOKEN = "metrics-token-for-tests"
VERBS = ("start", "check", "resend", "cancel", "redeem")
POSTS = [
    ("POST", STARTS),
    *(("POST", f"{STARTS}/{NO_ID}/{verb}") for verb in VERBS[1:4]),
    ("POST", REDEEM),
]
JSON = {"content_type": "application/json"}
ONLY_FOR_PAGES = {"csrf"}

NOT_PROVOKED = {
    *((row.id, word) for row in OPERATIONS for word in RESERVED & set(row.words)),
    # They depend on nothing that a test could break.
    *((id, "internal") for id in ("isAlive", "readKeys", "readDocument")),
}

Json = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServiceWorld]:
    """One whose metrics may be read."""
    made = ServiceWorld(tmp_path, OTP_METRICS_TOKEN=METRICS_TOKEN)
    yield made
    made.close()


@pytest.fixture
def contract() -> Contract:
    return Contract(document(URL))


@pytest.fixture
def caller(world: ServiceWorld, contract: Contract) -> Caller:
    return Caller(world.client(), contract)


def api(world: ServiceWorld) -> Flask:
    return create_api(world.parts.world)


# -- the document ---------------------------------------------------------------------------------


def test_it_is_a_valid_document() -> None:
    schemathesis.openapi.from_dict(document(URL)).validate()


def test_it_is_served_as_json_at_the_machine_door(world: ServiceWorld) -> None:
    answer = world.client().get("/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == document(URL)
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.client().post("/openapi.json").content_type == "application/problem+json"


def test_it_names_the_public_address() -> None:
    made = document("https://otp.example")
    assert made["servers"] == [{"url": "https://otp.example"}]
    problem = made["components"]["schemas"]["WrongCodeProblem"]["properties"]["type"]
    assert problem["const"] == "https://otp.example/problems/wrong_code"


def test_it_and_the_routes_say_the_same(world: ServiceWorld) -> None:
    routes = {
        (method.lower(), re.sub(r"<([^>]+)>", r"{\1}", rule.rule))
        for rule in api(world).url_map.iter_rules()
        for method in rule.methods or ()
        if method != "HEAD"  # every GET has it
    }
    described = {
        (method, path) for path, methods in document(URL)["paths"].items() for method in methods
    }
    assert described == routes


def test_every_word_of_the_api_is_in_it_and_no_other() -> None:
    said = re.findall(r"/problems/([a-z_]+)", str(document(URL)["components"]["schemas"]))
    assert set(said) == set(KINDS) - ONLY_FOR_PAGES


def test_every_operation_has_a_name_of_its_own_and_is_explained() -> None:
    assert len({row.id for row in OPERATIONS}) == len(OPERATIONS)
    for row in OPERATIONS:
        assert row.summary
        assert row.description.endswith(".")
        assert len(set(row.words)) == len(row.words), row.id


def test_it_holds_no_schema_that_nothing_refers_to() -> None:
    made = document(URL)
    for name in made["components"]["schemas"]:
        assert f"'#/components/schemas/{name}'" in str(made), name


def test_every_extension_of_a_problem_is_one_that_is_typed() -> None:
    typed = set(answers.Extensions.__annotations__)
    told = {name for kind in KINDS.values() for name in (*kind.members, *kind.at_times)}
    assert told == typed


def examples(node: Any) -> list[tuple[Any, Any]]:
    """Every example with the schema that it is one of."""
    found = []
    if isinstance(node, dict):
        if "schema" in node:
            held = [e["value"] for e in node.get("examples", {}).values()]
            held += [node["example"]] if "example" in node else []
            found = [(node["schema"], value) for value in held]
        for child in node.values():
            found += examples(child)
    elif isinstance(node, list):
        for child in node:
            found += examples(child)
    return found


def test_every_example_is_what_it_is_an_example_of(contract: Contract) -> None:
    found = examples(contract.document)
    assert len(found) > 60
    for schema, value in found:
        contract.validator(schema, closed=True).validate(value)


def test_every_problem_that_is_said_today_has_an_example() -> None:
    shown = set()
    for _, value in examples(document(URL)):
        if isinstance(value, dict):
            shown.add(value.get("error"))
    assert shown >= set(KINDS) - ONLY_FOR_PAGES - RESERVED


# -- the answers ----------------------------------------------------------------------------------


class Story:
    """The API asked for everything that it can say."""

    def __init__(self, world: ServiceWorld, caller: Caller) -> None:
        self.world, self.caller = world, caller
        self.ask = caller.ask
        self.secret, self.app, self.test = (
            world.keys[kind] for kind in ("sk_live", "pk_live", "sk_test")
        )
        self._numbers = (f"+9198765{number:05}" for number in range(100_000))

    def start(self, key: str, **members: str) -> str:
        sent = {"phone_number": next(self._numbers), **members}
        return f"{STARTS}/{self.ask('POST', STARTS, key, json=sent).json['id']}"

    def ready(self, verb: str, key: str) -> tuple[str, Json]:
        """A request that would succeed now."""
        if verb == "start":
            return STARTS, {"phone_number": next(self._numbers)}
        if verb == "redeem":
            path, sent = self.ready("check", key)
            return REDEEM, {"proof": self.ask("POST", path, key, json=sent).json["proof"]}
        path = self.start(key)
        self.world.deliver()
        phone = self.world.read(path.rpartition("/")[2]).phone
        [code] = [code_in(sms.text) for sms in self.world.provider.sent if sms.to == phone]
        self.world.clock.turn(seconds=31)
        return f"{path}/{verb}", {"code": code} if verb == "check" else {}

    def plain(self) -> None:
        for path in ("/healthz", "/readyz", JWKS, DOCUMENT):
            self.ask("GET", path)
        for path in (JWKS, DOCUMENT):
            self.ask("GET", path, headers={"Host": "foreign.example"})

    def successes(self) -> None:
        for key in (self.secret, self.app):
            for verb in VERBS:
                path, sent = self.ready(verb, key)
                self.ask("POST", path, key, json=sent)
            self.ask("GET", self.start(key), key)
        self.start(self.secret, reference="r", purpose="sign-in", locale="hi", nonce="n")
        assert self.ask("GET", f"{STARTS}?reference=r", self.secret).json["data"]
        path, sent = self.ready("cancel", self.app)
        self.ask("POST", path, self.app)
        sent = {"phone_number": next(self._numbers)}
        for _ in range(2):
            self.ask("POST", STARTS, self.secret, json=sent)

    def keys(self) -> None:
        for method, path in [("GET", STARTS), ("GET", f"{STARTS}/{NO_ID}"), *POSTS]:
            self.ask(method, path)
            self.ask(method, path, self.test)
            self.ask(method, path, self.secret, headers={"Host": "foreign.example"})
        self.ask("GET", STARTS, self.app)
        self.ask("POST", STARTS, self.test, json={"phone_number": NUMBER})

    def values(self) -> None:
        for method, path in [("GET", f"{STARTS}/{NO_ID}"), *POSTS[1:]]:
            sent = {"json": {"code": "123456"}} if path.endswith("check") else {}
            self.ask(method, path, self.secret, **sent)
        for _, path in POSTS:
            for body, kind in (
                (b"{", "application/json"),
                (b" " * 5000, "application/json"),
                (b"{}", "text/plain"),
                (b'{"unknown": 1}', "application/json"),
            ):
                self.ask("POST", path, self.secret, data=body, content_type=kind)
        for number in ("+9198765", "+911145678901", "+447400123456", "x"):
            self.ask("POST", STARTS, self.secret, json={"phone_number": number})
        self.ask("POST", STARTS, self.app, json={"phone_number": NUMBER, "device": "d"})
        self.ask("GET", STARTS, self.secret)
        self.ask("GET", f"{STARTS}?reference={'x' * 65}", self.secret)

    def repeats(self) -> None:
        for verb in VERBS:
            path, sent = self.ready(verb, self.secret)
            name = {"Idempotency-Key": '"once"'}
            for _ in range(2):
                self.ask("POST", path, self.secret, headers=name, json=sent)
            other = json.dumps(sent) + " "
            self.ask("POST", path, self.secret, headers=name, data=other, **JSON)

    def guesses(self) -> None:
        path = self.start(self.app)
        code = self.world.deliver()
        for _ in range(6):
            self.ask("POST", f"{path}/check", self.app, json={"code": wrong(code)})
        for verb in ("resend", "cancel"):
            self.ask("POST", f"{path}/{verb}", self.app)
        self.ask("GET", path, self.app)

    def waits(self) -> None:
        self.ask("POST", STARTS, self.app, json={"phone_number": NUMBER})
        self.ask("POST", STARTS, self.app, json={"phone_number": NUMBER})
        path = self.start(self.app)
        for wait in (0, 30, 60, 120, 300):
            self.world.clock.turn(seconds=wait)
            self.ask("POST", f"{path}/resend", self.app)
            self.ask("GET", path, self.app)
        self.world.clock.turn(hours=1)
        self.ask("GET", path, self.app)

    def proofs(self) -> None:
        path, sent = self.ready("check", self.secret)
        proof = {"proof": self.ask("POST", path, self.secret, json=sent).json["proof"]}
        _, others = self.world.add_client("Other")
        for key in (self.app, others["sk_live"], self.secret, self.secret):
            self.ask("POST", REDEEM, key, json=proof)
        self.ask("POST", REDEEM, self.secret, json={"proof": "none"})

    def receipts(self) -> None:
        self.start(self.secret)
        self.world.deliver()
        for method in ("POST", "GET"):
            self.ask(method, RECEIPTS, WEBHOOK_SECRET, query_string={"challenge": "a"})
            self.ask(method, RECEIPTS, WEBHOOK_SECRET)
            self.ask(method, RECEIPTS)
            self.ask(method, "/receipts/other", WEBHOOK_SECRET)
            self.ask(method, RECEIPTS, WEBHOOK_SECRET, data=b" " * 5000)
            self.ask(method, RECEIPTS, headers={"Host": "foreign.example"})

    def reports(self) -> None:
        """A receipt each, for a door that is to answer it."""
        for method in ("POST", "GET"):
            name = self.world.provider.sent[-1].reference
            self.world.provider.receipts = [
                DeliveryReceipt(
                    reference=name, provider_id=None, word="OK", delivery=Delivery.DELIVERED
                )
            ]
            self.ask(method, RECEIPTS, WEBHOOK_SECRET)

    def locks(self) -> None:
        path, sent = self.ready("check", self.app)
        phone = self.world.read(path.split("/")[3]).phone
        self.world.store.put_flag(blocked_flag(self.world.store.lookup, phone), "1")
        self.ask("POST", path.replace("check", "resend"), self.app)
        self.world.store.put_flag(blocked_flag(self.world.store.lookup, phone), None)
        failures = Quotas(self.world.settings, self.world.store.lookup).of_number(
            phone, "", sends=False
        )
        self.world.store.take(failures * 10, self.world.clock())
        self.ask("POST", path, self.app, json=sent)
        self.ask("POST", path.replace("check", "resend"), self.app)
        self.ask("POST", STARTS, self.app, json={"phone_number": phone.e164})

    def floods(self) -> None:
        floods = self.world.parts.world.floods
        for _ in range(sum(rate.limit for rate in floods.rates[Limit.CLIENT])):
            floods.count(Limit.CLIENT, self.world.client_id)
        for method, path in [("GET", STARTS), ("GET", f"{STARTS}/{NO_ID}"), *POSTS]:
            self.ask(method, path, self.secret)
        self.world.clock.turn(minutes=2)

    def pause(self) -> None:
        path = self.start(self.secret)
        self.world.store.put_flag(PAUSED, "1")
        for key in (self.secret, self.app):
            self.ask("POST", STARTS, key, json={"phone_number": NUMBER})
            self.ask("POST", f"{path}/resend", key)
        self.ask("GET", "/readyz")
        self.world.store.put_flag(PAUSED, None)

    def metrics(self) -> None:
        """With the token and without it; and at a service that has none."""
        self.ask("GET", "/metrics", METRICS_TOKEN)
        for key in ("", self.secret):
            self.ask("GET", "/metrics", key)
        parts = self.world.parts.world
        bare = replace(parts, settings=replace(parts.settings, metrics_token=None))
        asked, self.caller.client = self.caller.client, create_api(bare).test_client()
        self.ask("GET", "/metrics", METRICS_TOKEN)
        self.caller.client = asked

    def fault(self) -> None:
        """A bug of ours: the clock has stopped telling the time."""
        asked = [self.ready(verb, self.secret) for verb in VERBS]
        self.start(self.secret)  # its message is queued, and readiness asks since when
        now, self.world.clock.now = self.world.clock.now, None  # type: ignore[assignment]
        for path, sent in asked:
            self.ask("POST", path, self.secret, json=sent)
        self.ask("GET", asked[1][0].removesuffix("/check"), self.secret)
        self.ask("GET", f"{STARTS}?reference=r", self.secret)
        self.ask("GET", "/readyz")
        self.ask("GET", "/metrics", METRICS_TOKEN)
        self.reports()
        self.world.clock.now = now

    def no_store(self) -> None:
        self.world.store.close()
        for method, path in [("GET", STARTS), ("GET", f"{STARTS}/{NO_ID}"), *POSTS]:
            self.ask(method, path, self.secret)
        self.ask("GET", "/readyz")
        self.ask("GET", "/metrics", METRICS_TOKEN)
        self.reports()


def test_every_answer_is_as_documented_and_everything_documented_is_answered(
    world: ServiceWorld, caller: Caller
) -> None:
    story = Story(world, caller)
    story.plain()
    story.successes()
    story.keys()
    story.values()
    story.repeats()
    story.guesses()
    story.waits()
    story.proofs()
    story.receipts()
    story.locks()
    story.floods()
    story.pause()
    story.metrics()
    story.fault()
    story.no_store()
    documented = {
        (row.id, status, word)
        for row in OPERATIONS
        for status, word in (
            *((answer.status, "") for answer in row.answers),
            *((KINDS[word].status, word) for word in row.words),
        )
    }
    unseen = {(id, word) for id, _, word in documented - caller.seen}
    assert unseen == NOT_PROVOKED


def test_a_wrong_method_and_an_unknown_path_are_as_documented(
    world: ServiceWorld, contract: Contract
) -> None:
    for method, path, word in (
        ("DELETE", STARTS, "method_not_allowed"),
        ("TRACE", JWKS, "method_not_allowed"),
        ("POST", DOCUMENT, "method_not_allowed"),
        ("GET", "/v1/nothing", "not_found"),
    ):
        answer = world.client().open(path, method=method)
        responses = contract.document["components"]["responses"]
        row = {"operationId": word, "responses": {str(KINDS[word].status): responses[word]}}
        contract.judge(row, answer)
