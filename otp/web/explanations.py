"""What each kind of problem asks of people: the second half of the pages at `/problems/<word>`.

The first half, what it is, programs are told as well: it is in `otp.web.kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What to do about one kind of problem.

    *person* is for whoever has the phone in hand, *developer* for whoever wrote the program that
    was answered, *again* whether and when the same request may be sent once more.
    """

    person: str
    developer: str
    again: str


_NOT_YOURS: Final = (
    "You can do nothing about this one: the application you came from asked in a way we cannot "
    "answer. Tell its makers the word at the top of this page."
)
_START_AGAIN: Final = "Go back to where you came from and start again."
_NEVER_AS_IT_IS: Final = "Not as it is: the same request gets the same answer."

EXPLANATIONS: Final = {
    "malformed_body": Explanation(
        person=_NOT_YOURS,
        developer="Send one JSON object in UTF-8, without duplicate members, NaN or a byte order "
        "mark: let a library write it. An Idempotency-Key has 1 to 255 characters "
        "without spaces or line breaks, and the Host is the one of the public address.",
        again=_NEVER_AS_IT_IS,
    ),
    "unauthorized": Explanation(
        person=_NOT_YOURS,
        developer="Send “Authorization: Bearer” and a key of your client. A missing, a wrong and a "
        "revoked one are answered alike. Look for a cut end, a "
        "line break, or the key of another service; the operator can make a new key without ending "
        "the old one. Gateways send the secret of their webhook, scrapers the operator's token.",
        again="With a valid key, at once.",
    ),
    "forbidden": Explanation(
        person=_NOT_YOURS,
        developer="The key is valid, but is the publishable one of an app or a browser. A secret "
        "key must never be put into either of them: let your server ask.",
        again="From your server, with the secret key.",
    ),
    "csrf": Explanation(
        person="Nothing was sent and no try was used. Open the sign-in page again and fill in the "
        "form there; allow cookies for this site if you have switched them off.",
        developer="Only the pages answer this, never the API. The forms are for people in "
        "browsers: a program uses the API, and another site links to the sign-in page instead of "
        "sending its forms.",
        again="With a fresh page.",
    ),
    "challenge_required": Explanation(
        person="Open the page that the application shows you, do what it asks, then try again.",
        developer="Reserved: no answer says this today. Be ready for it all the same: open "
        "“challenge_url” in a browser for the person, and do not follow it from a server.",
        again="Once the person is through with the page at “challenge_url”.",
    ),
    "not_found": Explanation(
        person="If you followed a link, it may be cut short. " + _START_AGAIN,
        developer="Check the address and the id. Unknown, malformed, foreign and forgotten "
        "ids are answered alike, so that nobody learns which ones exist. Look whether "
        "test and live keys, or two clients, were mixed up: neither sees what the other started.",
        again=_NEVER_AS_IT_IS,
    ),
    "method_not_allowed": Explanation(
        person=_NOT_YOURS,
        developer="Compare the method with the documentation. A redirect on the way, from http to "
        "https say, often turns a POST into a GET.",
        again="With one of the methods in “Allow”.",
    ),
    "idempotency_conflict": Explanation(
        person="Wait a moment: the first press of the button still counts.",
        developer="Reserved: no answer says this today. Be ready for it where requests with one "
        "Idempotency-Key may overtake each other.",
        again="After a second or so, with the same key.",
    ),
    "verification_ended": Explanation(
        person="The code in your newest message does not work any more. Ask for a new one where "
        "you typed it; nothing else is wrong.",
        developer="Show how it ended: “approved”, “canceled”, “expired”, “max_attempts_reached” "
        "or “failed”. Never ask the person for the same code again. A check that was approved "
        "seconds ago, and whose answer was lost, may be sent again for 60 seconds with the same "
        "code and key.",
        again="Not on this verification: an ended one stays ended. Start another one.",
    ),
    "proof_spent": Explanation(
        person="Your code was right, but the step after it came too late or twice. " + _START_AGAIN,
        developer="Redeem as soon as the proof arrives, from one place, with an Idempotency-Key. "
        "Where another process of yours redeemed it, that one has the claims.",
        again="Only to hear a lost answer once more: with the Idempotency-Key of the first time.",
    ),
    "body_too_large": Explanation(
        person=_NOT_YOURS,
        developer="Every request here fits well below the limit. Send the members that are "
        "documented, and keep what is yours under your own “reference”.",
        again=_NEVER_AS_IT_IS,
    ),
    "unsupported_media_type": Explanation(
        person=_NOT_YOURS,
        developer="Many libraries send a form unless they are told otherwise; with curl, add "
        "-H 'Content-Type: application/json'. A charset other than utf-8 is refused too.",
        again="With the right header, at once.",
    ),
    "invalid_input": Explanation(
        person="Look at what you typed: something is missing or has the wrong form. Nothing was "
        "used up.",
        developer="Each entry of “errors” has a “pointer” to the member, a “code” for programs and "
        "a “detail” in words. An unknown member is refused, so that a slip in a name is found at "
        "once. For a code, ask the person to type the digits of the message again.",
        again="Once it is mended, at once. No attempt and no message was spent.",
    ),
    "invalid_phone_number": Explanation(
        person="Check the digits, and the country. It has to be a mobile number that receives text "
        "messages. If all of it is right, the number may not be served here: use another one.",
        developer="Show the reason beside the field in words of your own and keep what was typed. "
        "“country_not_served” and “blocked” are the operator's decisions.",
        again="With another number, at once. Nothing was sent or spent.",
    ),
    "wrong_code": Explanation(
        person="Open the newest message and type its code. If several came, only the latest ones "
        "work. When no try is left, ask for a new code.",
        developer="Show how many tries are left and keep the person on the same page. Never try "
        "codes by program: the attempts are few on purpose.",
        again="With another code, as long as “attempts_left” is above 0. The same wrong code "
        "costs one more attempt.",
    ),
    "invalid_proof": Explanation(
        person=_NOT_YOURS,
        developer="Pass on the “proof” of the approving check as it came, all three parts. Its "
        "header names a “kid” of /.well-known/jwks.json. A token that names another "
        "one, or does not verify with it, may be forged: let nobody in with it.",
        again=_NEVER_AS_IT_IS,
    ),
    "idempotency_mismatch": Explanation(
        person=_NOT_YOURS,
        developer="A key names one request: its path and its body to the last byte. Draw it where "
        "the request is made, and keep both together while you try again.",
        again="As a new request with a new key; or with the first body, to hear its answer.",
    ),
    "too_soon": Explanation(
        person="Look for the message first: it usually comes within a minute. A new code can be "
        "asked for when the wait is over.",
        developer="Show the wait and keep the button still until then; “resend_in” of a "
        "verification says the same beforehand. The wait belongs to the number, over all "
        "applications, so that nobody can flood a phone.",
        again="After “retry_in” seconds, which Retry-After says too. Earlier gets this answer.",
    ),
    "too_many_failures": Explanation(
        person="Wait until the time that is shown is over, then ask for a new code. If you did not "
        "type those codes, somebody else tried to use your number, and did not get in.",
        developer="Say so plainly, and send nobody round in circles: a new start is refused as "
        "well. No attempt is spent, and the verification stays as it is.",
        again="After “retry_in” seconds. It may be hours.",
    ),
    "quota_exceeded": Explanation(
        person="Too many messages or requests came for this number or from where you are. Wait "
        "until the time that is shown is over, then try again.",
        developer="With “client” your own requests are too many: slow down, with RateLimit as a "
        "guide. “address” is where the person is: look whether your server sends one and the same "
        "“client_ip” for all. The others guard a number, a country or one verification: leave "
        "them to the person.",
        again="After “retry_in” seconds, which Retry-After says too. Earlier gets this answer.",
    ),
    "internal": Explanation(
        person="The fault is ours, not yours. Try again later.",
        developer="Note the “request_id”, which X-Request-Id says too: the operator finds the "
        "fault by it. Whether the request did anything is not known.",
        again="A read at any time. A POST with its Idempotency-Key, after a few seconds, then "
        "ever more slowly.",
    ),
    "unavailable": Explanation(
        person="Try again in a few minutes. Nothing was lost, and a code you have still works.",
        developer="A secret key is told the reason: “budget”, “store”, “route” or “paused”. None "
        "of them is mended by asking more often; the operator's /readyz says more.",
        again="After “retry_in” seconds, which Retry-After says too, with the same "
        "Idempotency-Key.",
    ),
}
