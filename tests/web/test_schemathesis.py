"""Schemathesis reads the document, asks the running service for all of it, and finds nothing.

Every boundary of every member is tried, then requests are drawn for each operation, and walks from
one to the next by their links; OTP_TEST_FUZZ=10 does it ten times, drawing others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from otp.web.operations import OPERATIONS
from tests.gateway import Gateway
from tests.processes import ROOT, Server, add_client, environment, free_port
from tests.web.schemathesis_hooks import METRICS_TOKEN, WEBHOOK_SECRET

pytestmark = [pytest.mark.process, pytest.mark.fuzz]

EXAMPLES = 30
TIMES = int(os.environ.get("OTP_TEST_FUZZ", "1"))
MANY = "10000000/hour"
BOUNDLESS = {
    "OTP_RESEND_WAITS": "1,1,1",
    "OTP_SEND_BUDGET": MANY,
    "OTP_PHONE_SENDS": MANY,
    "OTP_PHONE_SENDS_TOTAL": MANY,
    "OTP_PHONE_FAILURES": MANY,
    "OTP_ADDRESS_SENDS": MANY,
    "OTP_ADDRESS6_SENDS": MANY,
    "OTP_PREFIX_SENDS": MANY,
    "OTP_FLOOD_LIMIT": MANY,
    "OTP_CLIENT_FLOOD_LIMIT": MANY,
}

SETTINGS = """\
hooks = "{hooks}"
warnings = false

[output.sanitization]
enabled = false

[auth.wfc]
path = "callers.json"
user = "ours"
peers = ["ours", "another"]

[dictionaries.numbers]
from-file = "numbers.txt"

[parameters]
"body.phone_number" = {{ dictionary = "numbers", probability = 0.8 }}

[checks.positive_data_acceptance]
# What fits the document may still come too late, be too much when all its members are long, or
# have no meaning; for that see schemathesis_hooks.py.
expected-statuses = ["2xx", "403", "404", "410", "413", "422", "429"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "413", "415", "422", "429"]
"""


@dataclass(frozen=True)
class Site:
    url: str
    ours: dict[str, str]
    another: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    url = f"http://127.0.0.1:{port}"
    with Gateway() as gateway:
        more = {
            "OTP_PUBLIC_URL": url,
            "OTP_METRICS_TOKEN": METRICS_TOKEN,
            "OTP_MOBTEXTING_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        env = environment(folder, gateway.url, **BOUNDLESS, **more)
        ours, another = add_client(env), add_client(env)
        with Server(env, port=port):
            yield Site(url, ours, another)


@pytest.mark.parametrize("kind", ["sk_live", "pk_live"])
def test_nothing_is_found_in_what_the_document_describes(
    site: Site, kind: str, tmp_path: Path
) -> None:
    callers = [
        {
            "name": name,
            "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {keys[kind]}"}],
        }
        for name, keys in (("ours", site.ours), ("another", site.another))
    ]
    (tmp_path / "callers.json").write_text(json.dumps({"auth": callers}))
    numbers = (f'"+9198765{number:05}"' for number in range(0, 100_000, 7))
    (tmp_path / "numbers.txt").write_text("\n".join(numbers))
    hooks = ROOT / "tests" / "web" / "schemathesis_hooks.py"
    (tmp_path / "schemathesis.toml").write_text(SETTINGS.format(hooks=hooks))
    command = [
        "run",
        f"{site.url}/openapi.json",
        "--checks",
        "all",
        "--max-examples",
        str(EXAMPLES),
    ]
    for _ in range(TIMES):
        done = subprocess.run(
            [Path(sys.executable).with_name("schemathesis"), *command, "--no-color"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
            assert f"✅ {phase}" in done.stdout, done.stdout
        # All but the document itself, which it leaves out.
        assert f"Tested: {len(OPERATIONS) - 1}" in done.stdout, done.stdout
