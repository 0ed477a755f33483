"""However a number is typed, it is one number, and no more of it is shown than its end."""

from __future__ import annotations

from tests.requirements.material import started
from tests.web.person import Person
from tests.world import NUMBER, ServiceWorld

SPELLINGS = [
    "098765 43210",
    "91-98765-43210",
    "(+91) 98765.43210",
    "0091 98765 43210",
    "++91 98765 43210",
    "+91 (0) 98765-43210",
    "+91\u00a098765\u200b43210",
    "９８７６５４３２１０",
    "९८७६५४३२१०",
    "+91 98765\u201343210",
]


def test_all_spellings_share_one_wait_at_both_doors(world: ServiceWorld) -> None:
    started(world)
    app = world.api(world.keys["pk_live"])
    for text in SPELLINGS:
        assert app.start(text).json["error"] == "too_soon", ascii(text)
        person = Person(world.client())
        person.open("/sign-in")
        person.press("/sign-in", phone_number=text)
        assert person.answer.status_code == 429, ascii(text)
    world.sender.run_once()
    assert len(world.provider.sent) == 1


def test_each_spelling_is_accepted_and_masked_alike(world: ServiceWorld) -> None:
    for text in SPELLINGS:
        answer = world.api(world.keys["pk_live"]).start(text)
        assert answer.status_code == 201, ascii(text)
        assert answer.json["phone_number_masked"] == "+91••••••3210"
        assert world.deliver()
        assert world.provider.sent[-1].to.e164 == NUMBER
        world.clock.turn(seconds=30)
