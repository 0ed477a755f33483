"""What answers hold, in the types that build them and that the OpenAPI document is made from.

How a verification is put into them is in `otp.web.resource`, a refusal in `otp.web.problems`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config

# Not from typing: below Python 3.12 that one hides from pydantic which members must be there.
from typing_extensions import TypedDict

from otp import challenge
from otp.verification import Status

LISTED: Final = 20
"""The longest listing."""

DESCRIBED = with_config(ConfigDict(use_attribute_docstrings=True))

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]


def words_so_far(*words: str) -> object:
    """A string that is one of *words* today, and may be another one tomorrow."""
    return Field(json_schema_extra={"x-extensible-enum": list(words)})


@DESCRIBED
class Delivery(TypedDict):
    """What became of the newest message."""

    status: Annotated[str, words_so_far(*challenge.Delivery)]
    """`unknown`: it may have been sent, and it is not known whether."""

    reason: str | None
    """Why it is where it is, in a word of ours."""

    updated_at: Timestamp


@DESCRIBED
class Resource(TypedDict):
    """A verification: a claim to one phone number, from its start to its one ending."""

    id: Annotated[str, Field(pattern="^ver_[0-9a-f]{32}$")]
    """Opens nothing without a key."""

    status: Status
    """Only `pending` has a way out. This list is closed."""

    phone_number_masked: str
    """For the person to recognise; never the whole number."""

    channel: Annotated[str, words_so_far(*challenge.Channel)]
    purpose: str | None
    reference: str | None

    support_code: Annotated[str, Field(pattern="^[0-9A-Z]{4}-[0-9A-Z]{4}$")]
    """What a person may read out on the telephone, and what the log shows. It gives no right."""

    code_length: Annotated[int, Field(ge=1)]
    attempts_left: Count
    """How many more codes may be tried."""

    sends_left: Count
    """How many more messages may be sent."""

    resend_in: Count | None
    """Seconds until a resend may be asked for; null: never again."""

    expires_in: Count | None
    """Seconds until the newest code dies, and the verification with it; null: it has ended."""

    created_at: Timestamp
    expires_at: Timestamp
    ended_at: Timestamp | None
    delivery: Delivery


@DESCRIBED
class Resumed(TypedDict):
    """A start that took up a pending verification carries this besides."""

    resumed: Literal[True]


@DESCRIBED
class Approval(TypedDict, total=False):
    """What an approval answers besides the verification, for as long as it may be told again."""

    proof: str
    """A JWT (`typ: phone-proof+jwt`), to be checked with the keys of `/.well-known/jwks.json`."""

    proof_expires_in: Count
    phone_number: str
    """The whole number in E.164; for a secret key only."""


@DESCRIBED
class Listing(TypedDict):
    data: Annotated[list[Resource], Field(max_length=LISTED)]
    """Newest first."""


@DESCRIBED
class Claims(TypedDict):
    """What a proof says of an approval."""

    iss: str
    """The public URL of this service."""

    aud: str
    """Your client id."""

    sub: str
    """The person towards your client: the same for the same number, for ever."""

    iat: int
    exp: int
    jti: str
    auth_time: int
    amr: list[str]
    phone_number: str
    phone_number_verified: Literal[True]
    verification_id: str
    nonce: NotRequired[str]
    purpose: NotRequired[str]
    reference: NotRequired[str]
    test: NotRequired[Literal[True]]
    """Of a test key: nobody's phone was asked."""


@DESCRIBED
class Fault(TypedDict):
    """What is wrong with one member of the body."""

    pointer: str
    """Where, as a JSON pointer; empty for a member that is not known."""

    code: str
    """Why, in a word: `missing`, `not_a_string`, `too_long` …"""

    detail: str


@DESCRIBED
class Problem(TypedDict):
    """What every refusal says (RFC 9457)."""

    type: str
    """The page that explains it."""

    title: str
    status: int
    detail: str

    error: str
    """The word that programs switch on."""

    request_id: str
    """What the log knows this request by."""


@DESCRIBED
class Extensions(TypedDict, total=False):
    """What single problems say besides; `Kind` has which."""

    retry_in: Annotated[int, Field(ge=1)]
    """Seconds after which the same request may succeed."""

    reason: str
    errors: list[Fault]
    quota: str
    """Which limit is used up, never how far."""

    attempts_left: Count
    verification_status: Status
    """How it ended."""

    ended_at: Timestamp
    verification: Resource
    """The whole of it, where the caller may read it."""

    challenge_url: str
    """To be opened in a browser."""


class Jwk(TypedDict):
    """A public key (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    use: Literal["sig"]
    alg: Literal["ES256"]
    kid: str


@DESCRIBED
class Jwks(TypedDict):
    keys: Annotated[list[Jwk], Field(min_length=1)]
    """The signing one first; during a rotation the coming or the former one as well."""


Echo = dict[str, str]
"""What a gateway wants to hear back from its webhook; mostly nothing."""


class Health(TypedDict):
    status: Literal["ok"]


class Checks(TypedDict):
    store: Annotated[str, words_so_far("ok", "unavailable")]
    sending: Annotated[str, words_so_far("ok", "paused", "delayed", "unknown")]
    routes: dict[str, Annotated[str, words_so_far("closed", "open", "half_open")]]
    """Whether each route takes messages: `closed` as long as nothing is wrong with it."""


class Readiness(TypedDict):
    status: Annotated[str, words_so_far("ok", "degraded", "unavailable")]
    checks: Checks
