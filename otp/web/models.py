"""What callers send: the bodies of requests under /v1, and the header that names a request.

The same definitions read a request (`otp.web.body`) and describe it (`otp.web.openapi`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, PlainValidator, StringConstraints, WithJsonSchema

from otp.network import Network
from otp.web import body

NUMBER: Final = "+919876543210"
CODE: Final = "482913"
"""Examples."""

LONGEST_REFERENCE: Final = 64
LONGEST_KEY: Final = 255
IDEMPOTENCY_KEY: Final = re.compile(r'^(?:"(?:[ !#-\[\]-~]|\\["\\])+"|[!#-\[\]-~]+)$')
"""A quoted string of RFC 8941, or the bare word that most people send."""

Address = Annotated[
    Network,
    PlainValidator(body.network),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REFERENCE)]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]


class Start(body.Members):
    phone_number: Annotated[str, StringConstraints(max_length=64), Field(examples=[NUMBER])]
    """In international form (`+919876543210`), or as it is dialled in `region`."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """ISO 3166 code of the country in which a number without its country code is meant."""

    channel: Literal["sms"] = "sms"
    """How the code travels."""

    purpose: Word | None = None
    """What the verification is for, in a word of your own; a check may name it again."""

    locale: Annotated[str, StringConstraints(max_length=35)] | None = None
    """The person's language; one that is not known falls back."""

    nonce: Annotated[str, StringConstraints(max_length=200)] | None = None
    """Comes back in the proof, so that it can be tied to a session of yours."""

    reference: Reference | None = None
    """Your own name for this, shown in every answer and found by a search."""

    client_ip: Address | None = None
    """The person's address, on which the address limits count. With a secret key only."""

    device: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    """An opaque word for the person's device. With a secret key only."""


class Check(body.Members):
    code: Annotated[str, StringConstraints(max_length=64), Field(examples=[CODE])]
    """The digits as the person typed them; spaces and dashes do no harm."""

    purpose: Word | None = None
    """If sent, it must equal the purpose of the start."""

    client_ip: Address | None = None
    """The person's address. With a secret key only."""


class Nothing(body.Members):
    """For requests that need no body: none, or an empty object."""


class Redeem(body.Members):
    proof: str
    """The JWT that the approving check answered."""
