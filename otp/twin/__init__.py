"""A twin of the MOBtexting gateway, to test against: `flask twin`, or `Twin` inside of a test.

It speaks the documented HTTP of the SMS API v2, keeps a ledger of what handsets got, and does on
demand what a gateway should not: answers late, wrongly or never, cuts connections before or after
it sent, pushes receipts twice, late, out of order. It shares no table and no rule with
`otp.providers`, since it judges that.
"""

from __future__ import annotations

from otp.twin.dlt import Registry
from otp.twin.message import Message
from otp.twin.oddities import Chaos, Oddity
from otp.twin.rules import Rules
from otp.twin.twin import Twin

__all__ = ["Chaos", "Message", "Oddity", "Registry", "Rules", "Twin"]
