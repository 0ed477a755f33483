"""Where a person comes from, as limits count it: an IPv4 address, or an IPv6 network.

One household or handset is given a whole /64 and may take any address in it, so counting single
IPv6 addresses would count nothing.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

_V6_PREFIX = 64
_LOG_BITS = 80  # of 128 are cut off
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")


@dataclass(frozen=True, slots=True)
class Network:
    """*text* is `198.51.100.7` or `2001:db8:1:2::/64`. Personal data: keep it only keyed."""

    text: str = field(repr=False)
    is_v6: bool

    @classmethod
    def of(cls, address: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> Network:
        """The network of one address. Raises ValueError for what is none.

        An IPv4 address in IPv6 clothes (`::ffff:198.51.100.7`) is the IPv4 address.
        """
        if isinstance(address, str):
            if _PLAIN.fullmatch(address):
                return cls(address, False)  # the library takes ten times as long to say the same
            address = ipaddress.ip_address(address)
        found = address
        if isinstance(found, ipaddress.IPv6Address):
            if found.ipv4_mapped is None:
                whole = ipaddress.IPv6Address(int(found) >> _V6_PREFIX << _V6_PREFIX)
                return cls(f"{whole}/{_V6_PREFIX}", True)
            found = found.ipv4_mapped
        return cls(str(found), False)

    @property
    def cut(self) -> str:
        """What may stand in a log: without the last byte, or as a /48, where it is a neighbourhood
        and not a household."""
        if self.is_v6:
            whole = int(ipaddress.IPv6Address(self.text.partition("/")[0]))
            return str(ipaddress.IPv6Address(whole >> _LOG_BITS << _LOG_BITS))
        start, dot, _ = self.text.rpartition(".")
        return f"{start}.0" if dot else self.text


UNKNOWN = Network("unknown", False)
"""All who come without an address, over a unix socket for one: they count together."""
