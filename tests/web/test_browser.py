"""The pages in a real browser: with and without scripts, on a phone and a desk, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from otp.errors import Rejected
from tests.web.browser import Look, Watched
from tests.world import ServiceWorld, wrong

pytestmark = pytest.mark.browser

PHONE = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 800}

NO_SIDEWAYS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SMALL_TARGETS = """
    [...document.querySelectorAll("button, input:not([type=hidden]), select, summary")]
    .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""
CONTRASTS = """() => {
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => parts(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    const colour = getComputedStyle(one).backgroundColor;
    return parts(colour)[3] === 0 ? ground(one.parentElement) : colour;
  };
  const ratio = (one) => {
    const both = [light(getComputedStyle(one).color), light(ground(one))].sort((a, b) => b - a);
    return (both[0] + 0.05) / (both[1] + 0.05);
  };
  return [...document.querySelectorAll("body *")]
    .filter((one) => [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((one) => ratio(one) < 4.5).map((one) => `${one.outerHTML} ${ratio(one)}`);
}"""


def is_sound(page: Page) -> None:
    """What holds for each page on each screen."""
    assert page.evaluate(NO_SIDEWAYS)
    assert page.evaluate(SMALL_TARGETS) == []
    assert page.evaluate(CONTRASTS) == []
    assert page.locator("h1").count() == 1


def ask_for_a_code(window: Watched) -> Page:
    page = window.page
    page.goto("/sign-in")
    page.get_by_label("Mobile number").fill("98765 43210")
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    return page


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_signs_in_and_out(
    world: ServiceWorld,
    look: Look,
    tmp_path: Path,
    scripts: bool,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    window = look(java_script_enabled=scripts, viewport=viewport, color_scheme=scheme)
    page = window.page
    shots = iter(range(20))

    def keep() -> None:
        page.screenshot(path=tmp_path / f"{next(shots):02}.png", full_page=True)
        if scripts:
            is_sound(page)

    page.goto("/")
    keep()
    page.get_by_label("Mobile number").fill("12345")
    page.get_by_role("button", name="Send code").click()
    expect(page).to_have_title(re.compile("^Error: "))
    keep()
    page.get_by_label("Mobile number").fill("98765 43210")
    page.get_by_role("button", name="Send code").click()
    keep()
    code = world.deliver()
    page.get_by_role("textbox", name="Code").fill(wrong(code))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("4 tries left")
    keep()
    page.get_by_role("textbox", name="Code").fill(f" {code[:3]} {code[3:]} ")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    keep()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    assert window.complaints == []
    assert {url.split("/")[2] for url in window.asked} == {window.base.split("/")[2]}


def test_a_sign_in_needs_no_mouse(world: ServiceWorld, look: Look) -> None:
    page = look().page
    page.goto("/sign-in")
    page.keyboard.type("+91 98765 43210")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    page.keyboard.type(world.deliver())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()


def test_the_wait_for_a_new_code_counts_down_and_then_the_button_works(
    world: ServiceWorld, look: Look
) -> None:
    window = look()
    window.page.clock.install()
    page = ask_for_a_code(window)
    button = page.get_by_role("button", name="Send a new code")
    expect(button).to_have_attribute("aria-disabled", "true")
    page.clock.run_for(10_000)
    expect(page.get_by_text("You can ask for a new code in 20 seconds")).to_be_visible()
    page.clock.run_for(21_000)
    expect(button).not_to_have_attribute("aria-disabled", "true")
    world.deliver()
    world.clock.turn(seconds=31)
    button.click()
    expect(page.get_by_text("You can ask for a new code in 60 seconds")).to_be_visible()
    world.deliver()
    assert len(world.provider.sent) == 2
    assert window.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("reason", ["recipient_refuses", "account_refused"])
def test_where_nobody_takes_the_message_the_ways_on_can_be_read(
    world: ServiceWorld, look: Look, scheme: str, reason: str
) -> None:
    page = ask_for_a_code(look(viewport=PHONE, color_scheme=scheme))
    world.provider.next = [Rejected(reason)]
    world.sender.run_once()
    page.reload()
    expect(page.get_by_role("heading", name="No message could be sent")).to_be_visible()
    again = page.get_by_role("button", name="Send a new code")
    expect(again).to_have_attribute("aria-disabled", "true")
    is_sound(page)


def test_times_are_shown_in_the_persons_own_zone(look: Look) -> None:
    page = ask_for_a_code(look(timezone_id="Asia/Kolkata", locale="en-GB"))
    expect(page.locator("time").first).to_have_text("14:19")


def test_two_quick_clicks_sign_in_once(world: ServiceWorld, look: Look) -> None:
    for scripts in (True, False):
        page = ask_for_a_code(look(java_script_enabled=scripts))
        page.get_by_role("textbox", name="Code").fill(world.deliver())
        page.get_by_role("button", name="Sign in").dblclick()
        expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
        world.clock.turn(hours=1)


def test_the_way_back_after_signing_out_shows_no_number(world: ServiceWorld, look: Look) -> None:
    page = ask_for_a_code(look())
    page.get_by_role("textbox", name="Code").fill(world.deliver())
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("3210")).to_have_count(0)


def test_webotp_fills_in_the_code_and_signs_in(world: ServiceWorld, look: Look) -> None:
    """The browser's own part, asking the person and reading the message, is played here."""
    window = look()
    window.page.goto("/sign-in")
    window.page.get_by_label("Mobile number").fill("98765 43210")
    window.page.add_init_script(
        """window.OTPCredential = class {};
        navigator.credentials.get = () => new Promise((give) => { window.give = give; });"""
    )
    window.page.get_by_role("button", name="Send code").click()
    expect(window.page.get_by_role("heading", name="Enter the code")).to_be_visible()
    window.page.evaluate("code => window.give({ code })", world.deliver())
    expect(window.page.get_by_role("heading", name="You are signed in")).to_be_visible()
    assert window.complaints == []


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_api_and_its_problems_can_be_read(
    look: Look, viewport: dict[str, int], scheme: str
) -> None:
    window = look(viewport=viewport, color_scheme=scheme)
    for path in ("/docs", "/problems", "/problems/quota_exceeded"):
        window.page.goto(path)
        is_sound(window.page)
    window.page.get_by_role("link", name="Check the code that a person typed").first.click()
    expect(window.page).to_have_url(re.compile("/docs#checkCode$"))
    expect(window.page.locator("#checkCode")).to_be_in_viewport()
    window.page.get_by_role("link", name="wrong_code").first.click()
    expect(window.page.get_by_role("heading", name="That code is not right")).to_be_visible()
    assert not [url for url in window.asked if ".js" in url]
    assert window.complaints == []
    assert {url.split("/")[2] for url in window.asked} == {window.base.split("/")[2]}
