"""`otp.server` as it is, with another application in it: `python -m bench.serve TARGET HOST PORT`.

So what is compared runs under the very same options of the very same server.
"""

from __future__ import annotations

import sys
from typing import Any

from otp import server


def main(target: str, host: str, port: str) -> None:
    class Server(server.Server):
        def __init__(self, _: str, **options: Any) -> None:
            super().__init__(target, **options)

    server.Server = Server  # type: ignore[assignment,misc]
    server.main(host, port, "1", "json")


if __name__ == "__main__":
    main(*sys.argv[1:])
