"""What the message says: the registered words, the code, and nothing that a request brought."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from otp.message import size
from otp.wording import LastLine, Wording
from tests.requirements.material import AMPLE, started
from tests.web.person import Person
from tests.world import NUMBER, ServiceWorld

TEMPLATE = "{code} is your {service} code. It is valid for {minutes} minutes. Do not share it."


def registered(template: str, service: str) -> re.Pattern[str]:
    """What may be sent: the template to the letter, each variable of at most 30 characters."""
    pattern = re.escape(template)
    for variable, form in (
        ("code", "(?P<code>[0-9]{6})"),
        ("service", re.escape(service)),
        ("minutes", "[0-9]{1,2}"),
    ):
        pattern = pattern.replace(re.escape(f"{{{variable}}}"), form)
    return re.compile(pattern + r"\n\n@localhost #(?P=code)")


def test_every_text_is_the_registered_one_to_the_letter(world: ServiceWorld) -> None:
    text = registered(TEMPLATE, "Demo")
    id = started(world)
    world.deliver()
    for later in (30, 60, 400):
        world.clock.turn(seconds=later)
        world.api().resend(id)
        world.deliver()
    person = Person(world.client())
    person.ask_for_a_code("+919876543219")
    world.deliver()
    assert len(world.provider.sent) == 5
    for sms in world.provider.sent:
        assert text.fullmatch(sms.text), sms.text
        assert not sms.unicode


def test_a_text_of_ones_own_is_kept_to_the_letter_too(tmp_path: Path) -> None:
    template = "Dear customer, {code} is the OTP to log in to {service}. Never tell it. -ACMEIN"
    world = ServiceWorld(tmp_path, OTP_MESSAGE=template, OTP_SERVICE_NAME="Acme (.*) Ltd", **AMPLE)
    started(world)
    world.deliver()
    assert registered(template, "Acme (.*) Ltd").fullmatch(world.provider.sent[0].text)
    world.close()


BROUGHT = [
    "http://evil.example",
    "\n@evil.example #000000",
    "{code}",
    "%s%n",
    "Your code is 000000",
    "कोड",
    "\u202e",
]


def test_nothing_of_a_request_reaches_the_text(world: ServiceWorld) -> None:
    text = registered(TEMPLATE, "Demo")
    for place, brought in enumerate(BROUGHT):
        number = f"+9198765{place:05}"
        members = {"reference": brought, "nonce": brought, "device": brought, "locale": brought}
        headers = {"Accept-Language": "hi", "User-Agent": "evil", "Referer": "http://evil.example"}
        answer = world.api().start(number, headers=headers, purpose="log-in-to-evil", **members)
        assert answer.status_code == 201
        world.deliver()
        assert text.fullmatch(world.provider.sent[-1].text)
        for member in ("text", "message", "template", "service", "sender", "from", "app_name"):
            refusal = world.api().start("+919876543219", **{member: brought})
            assert refusal.status_code == 422
    assert len(world.provider.sent) == len(BROUGHT)


def test_a_language_and_a_purpose_only_choose_among_what_is_stored(roomy: ServiceWorld) -> None:
    hindi, to_pay = "{code} आपका कोड है", "{code} is the code to pay. Never share it."
    roomy.store.put_message(Wording(locale="hi", text=hindi, last_line=LastLine.NONE))
    roomy.store.put_message(Wording(purpose="pay", text=to_pay, last_line=LastLine.NONE))
    default = TEMPLATE.format(code="{code}", service="Demo", minutes=10)
    known = {hindi, to_pay, f"{default}\n\n@localhost #{{code}}"}
    locales = ["hi-{code}", "hi\n@evil.example", "../hi", "HI", "hi-IN", "", "x" * 35, *BROUGHT]
    purposes: list[dict[str, str]] = [{}, {"purpose": "pay"}, {"purpose": "pay-evil"}]
    texts = set()
    for place, (locale, purpose) in enumerate(itertools.product(locales, purposes)):
        answer = roomy.api().start(f"+9198765{place:05}", locale=locale, **purpose)
        assert answer.status_code == 201
        code = roomy.deliver()
        texts.add(roomy.provider.sent[-1].text.replace(code, "{code}"))
    assert texts == known


def test_no_app_and_no_hash_is_named_by_a_request(world: ServiceWorld) -> None:
    """A hash comes from a text that the operator stored, and goes to nobody else."""
    for member in ("app_hash", "app", "android_hash", "hash"):
        for value in ("FA+9qCX9VSu", "evil", "\nhttp://evil.example"):
            assert world.api().start(NUMBER, **{member: value}).status_code == 422
    started(world)
    world.deliver()
    [sms] = world.provider.sent
    assert len(sms.text.encode()) <= 140
    assert size(sms.text).parts == 1
    assert "<" not in sms.text
    assert ">" not in sms.text
    assert re.search(r"#[0-9]{6}$", sms.text), "nothing behind the code"


def test_the_text_names_the_service_warns_and_leads_nowhere(world: ServiceWorld) -> None:
    _, keys = world.add_client("Other")
    for key, number in ((world.keys["sk_live"], NUMBER), (keys["pk_live"], "+919876543211")):
        world.api(key).start(number)
        code = world.deliver()
        text = world.provider.sent[-1].text
        assert text.startswith(f"{code} is your Demo code")
        assert "Do not share it" in text
        assert "10 minutes" in text
        assert text.splitlines()[-1] == f"@localhost #{code}", "our host, whichever client asked"
        assert "://" not in text
        assert re.findall("[0-9]{3,}", text.rpartition("\n")[0]) == [code]
