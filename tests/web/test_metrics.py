"""What Prometheus is told of a story, and who may hear it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as families
from werkzeug.test import TestResponse

from otp.breaker import FAILURES
from otp.errors import Rejected, Unknown, Unreachable
from otp.metrics import METRICS
from otp.store import Store, queue
from otp.store.flags import PAUSED, SENDER_SEEN
from otp.web import counting
from otp.web.exposition import GAUGES, exposed
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ROOMY, ServiceWorld, wrong

TOKEN = "metrics-token-for-tests"
OPEN = {"Authorization": f"Bearer {TOKEN}"}
OPERATE = Path(__file__).parents[2] / "docs" / "operate.md"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[ServiceWorld]:
    made = ServiceWorld(tmp_path, OTP_METRICS_TOKEN=TOKEN)
    yield made
    made.close()


def scrape(world: ServiceWorld, headers: Mapping[str, str] = OPEN) -> TestResponse:
    world.parts.world.metrics.flush()
    return world.client().get("/metrics", headers=dict(headers))


def samples(world: ServiceWorld) -> Samples:
    answer = scrape(world)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(answer.text)
        for sample in family.samples
    }


def of(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_a_story_is_told_in_numbers(told: ServiceWorld) -> None:
    api = told.api()
    id = api.start().json["id"]
    assert api.start().json["resumed"]
    told.clock.turn(seconds=2)
    code = told.deliver()
    api.check(id, wrong(code))
    told.clock.turn(seconds=31)
    api.resend(id)
    told.clock.turn(seconds=0.2)
    code = told.deliver()
    assert api.check(id, code).status_code == 200
    told.clock.turn(seconds=1)
    assert api.check(id, code).status_code == 200  # told again
    told.clock.turn(minutes=2)
    assert api.check(id, code).status_code == 410
    told.api(told.keys["sk_test"]).start("+12025550107")
    found = samples(told)
    assert of(found, "otp_starts_total", mode="live") == 1
    assert of(found, "otp_starts_total", mode="test") == 1
    assert of(found, "otp_resumes_total", mode="live") == 1
    assert of(found, "otp_resends_total", mode="live") == 1
    for outcome in ("approved", "wrong_code", "ended"):
        assert of(found, "otp_checks_total", outcome=outcome, mode="live") == 1, outcome
    assert of(found, "otp_sends_total", route="fake", outcome="sent") == 2
    assert of(found, "otp_handover_delay_seconds_count", route="fake") == 2
    assert of(found, "otp_handover_delay_seconds_sum", route="fake") == 2.2
    assert of(found, "otp_handover_delay_seconds_bucket", route="fake", le="1.0") == 1
    assert of(found, "otp_handover_delay_seconds_bucket", route="fake", le="2.5") == 2
    assert of(found, "otp_refusals_total", door="api", error="wrong_code", reason="") == 1
    assert of(found, "otp_refusals_total", door="api", error="verification_ended", reason="") == 1
    assert of(found, "otp_requests_total", door="api", status="2xx") == 6
    assert of(found, "otp_requests_total", door="api", status="4xx") == 2
    assert of(found, "otp_budget_used_parts", window="hour") == 2
    assert of(found, "otp_budget_limit_parts", window="day") == 2000


def test_the_pages_and_the_probes_count_for_themselves(told: ServiceWorld) -> None:
    person = Person(told.client())
    person.open("/sign-in")
    person.press("/sign-in", phone_number="12")
    person.press("/sign-in", phone_number=NUMBER)
    code = told.deliver()
    person.open("/sign-in/code")
    person.press("/sign-in/code", code=wrong(code))
    person.press("/sign-in/code", code=code)
    told.client().post("/sign-in", data={"phone_number": NUMBER})  # without the form's token
    for path in ("/healthz", "/readyz", "/nowhere"):
        told.client().get(path)
    told.client().post("/receipts/nobody")
    found = samples(told)
    assert of(found, "otp_starts_total", mode="live") == 1
    assert of(found, "otp_checks_total", outcome="approved", mode="live") == 1
    assert of(found, "otp_requests_total", door="probes", status="2xx") == 2
    assert of(found, "otp_requests_total", door="receipts", status="4xx") == 1
    for error, reason in (
        ("invalid_phone_number", "too_short"),
        ("wrong_code", ""),
        ("csrf", ""),
        ("not_found", ""),
    ):
        labels = {"door": "pages", "error": error, "reason": reason}
        assert of(found, "otp_refusals_total", **labels) == 1, error
    assert of(found, "otp_refusals_total", door="receipts", error="not_found", reason="") == 1


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/v1/verifications", "api"),
        ("//v1/x", "api"),
        ("/openapi.json", "api"),
        ("/receipts/main", "receipts"),
        ("/metrics", "probes"),
        ("/", "pages"),
        ("", "pages"),
        ("*", "pages"),
        ("/v1x", "pages"),
    ],
)
def test_every_path_is_at_a_door(path: str, door: str) -> None:
    assert counting.door_of(path) == door


def test_refusals_name_the_limit_and_the_reason(tmp_path: Path) -> None:
    world = ServiceWorld(
        tmp_path, OTP_METRICS_TOKEN=TOKEN, OTP_SEND_BUDGET="2/hour", OTP_PHONE_FAILURES="1/day"
    )
    api = world.api(world.keys["pk_live"])
    id = api.start().json["id"]
    api.start()
    code = world.deliver()
    api.check(id, wrong(code))
    api.check(id, code)
    api.start(OTHER_NUMBER)
    api.start("+919876543212")
    api.start("+447400123456")
    world.store.put_flag(PAUSED, "1")
    api.start("+919876543213")
    world.store.put_flag(PAUSED, None)
    for _ in range(601):
        api.read(id)
    found = samples(world)
    for error, reason in (
        ("too_soon", ""),
        ("too_many_failures", ""),
        ("unavailable", "budget"),
        ("unavailable", "paused"),
        ("invalid_phone_number", "country_not_served"),
    ):
        labels = {"door": "api", "error": error, "reason": reason}
        assert of(found, "otp_refusals_total", **labels) == 1, (error, reason)
    floods = of(found, "otp_refusals_total", door="api", error="quota_exceeded", reason="flood")
    assert floods is not None
    assert floods >= 1
    assert of(found, "otp_checks_total", outcome="refused", mode="live") == 1
    world.close()


def test_what_became_of_a_message_counts_for_its_route(told: ServiceWorld) -> None:
    told.provider.next = [
        Unreachable("unreachable"),
        Rejected("rejected"),
        Unknown("timeout"),
        Unknown("timeout"),
    ]
    for number in range(4):
        told.clock.turn(seconds=2)
        told.api().start(f"+9198765432{number:02}")
        told.sender.run_once()
    found = samples(told)
    counts = {
        outcome: of(found, "otp_sends_total", route="fake", outcome=outcome)
        for outcome in ("not_taken", "refused", "unknown", "sent", "settled")
    }
    # The first was tried once more, and was the one that the gateway then refused.
    assert counts["not_taken"] == 1
    assert counts["refused"] == 1
    assert counts["unknown"] == 2
    assert sum(v for v in counts.values() if v is not None) == 5


def test_gauges_tell_how_things_stand_now(told: ServiceWorld) -> None:
    before = samples(told)
    assert of(before, "otp_queue_depth") == 0
    assert of(before, "otp_queue_oldest_age_seconds") == 0
    assert of(before, "otp_paused") == 0
    assert of(before, "otp_route_breaker_state", route="fake") == 0
    assert of(before, "otp_sender_seen_age_seconds") is None
    told.api().start()
    told.clock.turn(seconds=7)
    told.api().start(OTHER_NUMBER)
    told.store.put_flag(PAUSED, "1")
    told.store.put_flag(SENDER_SEEN, told.clock().isoformat())
    for _ in range(FAILURES):
        told.parts.world.routes.failed("fake", "timeout")
    told.clock.turn(seconds=1)
    after = samples(told)
    assert of(after, "otp_queue_depth") == 2
    assert of(after, "otp_queue_oldest_age_seconds") == 8
    assert of(after, "otp_paused") == 1
    assert of(after, "otp_route_breaker_state", route="fake") == 2
    assert of(after, "otp_sender_seen_age_seconds") == 1
    told.clock.turn(seconds=5)
    assert of(samples(told), "otp_route_breaker_state", route="fake") == 1
    [info] = [labels for name, labels in after if name == "otp_build_info"]
    assert dict(info).keys() == {"version", "schema", "python"}
    assert int(dict(info)["schema"]) == told.store.schema


def test_totals_survive_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        world = ServiceWorld(tmp_path, OTP_METRICS_TOKEN=TOKEN, **ROOMY)
        world.clock.turn(hours=1)
        world.api().start()
        world.close()  # hands in what was counted
    world = ServiceWorld(tmp_path, OTP_METRICS_TOKEN=TOKEN)
    answer = world.client().get("/metrics", headers=OPEN)
    assert 'otp_starts_total{mode="live"} 1.0' in answer.text
    assert 'otp_resumes_total{mode="live"} 0.0' in answer.text
    world.close()


def test_only_the_token_opens_it(told: ServiceWorld) -> None:
    for headers in (
        {},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \xe9\xff"},
        {"Authorization": f"Bearer {told.keys['sk_live']}"},
    ):
        answer = scrape(told, headers)
        assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert scrape(told, {"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_without_a_token_there_is_nothing_there(world: ServiceWorld) -> None:
    for headers in ({}, OPEN, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        answer = scrape(world, headers)
        assert (answer.status_code, answer.json["error"]) == (404, "not_found")


def test_it_answers_by_whatever_name_the_process_is_called(told: ServiceWorld) -> None:
    assert scrape(told, {**OPEN, "Host": "10.0.0.7:8000"}).status_code == 200
    assert told.client().get("/v1/x", headers={"Host": "foreign.example"}).status_code == 400


def test_it_is_away_with_the_store(told: ServiceWorld) -> None:
    told.store.close()
    answer = told.client().get("/metrics", headers=OPEN)
    assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


def test_it_speaks_openmetrics_to_who_asks_for_it(told: ServiceWorld) -> None:
    told.api().start()
    told.deliver()
    accepts = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"
    answer = scrape(told, {**OPEN, "Accept": accepts})
    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0;")
    found = {
        sample.name: sample.value
        for family in open_families(answer.text)
        for sample in family.samples
        if sample.labels in ({"mode": "live"}, {"route": "fake"})
    }
    assert found["otp_starts_total"] == 1
    assert found["otp_handover_delay_seconds_count"] == 1


@pytest.mark.parametrize(
    "accepts",
    [
        "",
        "*/*",
        "application/openmetrics-text;version=none",
        "text/plain;version=x.y",
        "text/plain;version=1.0.0;escaping=\xe9",
        ";;,,;=",
        "application/openmetrics-text;version=1.0.0\t;escaping=x y",
    ],
)
def test_whatever_a_scraper_accepts_it_gets_metrics(told: ServiceWorld, accepts: str) -> None:
    answer = scrape(told, {**OPEN, "Accept": accepts})
    assert answer.status_code == 200
    assert "otp_starts_total" in answer.text
    assert "\n" not in answer.content_type


def test_no_label_tells_a_person_a_code_or_a_verification(told: ServiceWorld) -> None:
    api = told.api()
    id = api.start(reference="order-7", purpose="sign-in", nonce="n").json["id"]
    code = told.deliver()
    api.check(id, wrong(code))
    api.check(id, code)
    api.start("+91987654321012345")
    told.client().get(f"/{NUMBER}")
    told.client().get(f"/v1/verifications/{id}")
    text = scrape(told).text
    hidden = [NUMBER[1:], NUMBER[3:], NUMBER[-4:], code, id, told.client_id, "order-7", "sign-in"]
    values = re.findall(r'[a-z_]+="([^"]*)"', text)
    for secret in (*hidden, TOKEN, *told.keys.values()):
        assert not [value for value in values if secret in value]
    names = set(re.findall(r'([a-z_]+)="', text))
    assert names <= {
        "door", "status", "mode", "outcome", "error", "reason", "route", "meaning", "le", "window",
        "version", "schema", "python",
    }  # fmt: skip


class Questions:
    """A store that tells how much it was asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        self.count += callable(found)
        return found


def test_a_scrape_asks_as_few_questions_however_much_there_is(roomy: ServiceWorld) -> None:
    asked = []
    for starts in (0, 40):
        for number in range(starts):
            roomy.api().start(f"+91987650{number:04}")
        roomy.parts.world.metrics.flush()
        store = Questions(roomy.store)
        exposed(replace(roomy.parts.world, store=store), "")
        asked.append(store.count)
    assert asked[0] == asked[1] <= 12


def test_the_queue_is_counted_over_its_own_index(world: ServiceWorld, tmp_path: Path) -> None:
    """Which holds what waits, and nothing of the millions that were sent."""
    statements: list[str] = []
    with closing(sqlite3.connect(tmp_path / "otp.db")) as connection:
        connection.set_trace_callback(statements.append)
        assert queue.depth(connection) == 0
        connection.set_trace_callback(None)
        [statement] = statements
        [plan] = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    assert "USING INDEX challenge_queue" in plan[-1]


TABLE = re.compile(r"^\| `(otp_[a-z_]+)` \|(.*)\|$", re.MULTILINE)


def test_the_docs_name_every_metric_and_no_other() -> None:
    rows = dict(TABLE.findall(OPERATE.read_text()))
    labels = {name: tuple(metric.labels) for name, metric in METRICS.items()}
    labels |= {name: (label,) if label else () for name, (label, _) in GAUGES.items()}
    labels["otp_build_info"] = ("version", "schema", "python")
    assert rows.keys() == labels.keys()
    for name, row in rows.items():
        told = tuple(re.findall(r"`([a-z]+)`", row.partition("|")[0]))
        assert told == labels[name], name


def test_the_docs_alert_on_metrics_that_there_are() -> None:
    text = OPERATE.read_text().partition("## What to watch")[2]
    known = {*METRICS, *GAUGES, "otp_build_info"}
    expressions = re.findall(r"^ *expr: (.+)$", text, re.MULTILINE)
    assert len(expressions) >= 4
    for expression in expressions:
        for name in re.findall(r"otp_[a-z_]+", expression):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in known, name
