"""What handsets got, held against what the service says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from otp.challenge import Challenge, Delivery
from otp.receipts import reference
from otp.twin.message import Message
from otp.verification import Verification


@dataclass
class Verdict:
    """*wrong*: a sentence for each promise that was broken. *kinds*: how often what happened."""

    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def judge(
    accepted: Iterable[str],
    kept: Mapping[str, Verification],
    sent: Sequence[Message],
) -> Verdict:
    """*kept* is every verification in the store; *sent*, what left the gateway for handsets."""
    verdict = Verdict()
    got = Counter(message.custom for message in sent)
    for id in set(accepted) - kept.keys():
        verdict.wrong.append(f"{id} was accepted, and is gone")
    known: set[str] = set()
    for v in kept.values():
        for challenge in v.challenges:
            # One that was settled as not sent, and sent anew, has another name each time.
            tries = range(challenge.returned + 1)
            names = [reference(v.id, replace(challenge, returned=again)) for again in tries]
            known.update(names)
            _one(verdict, names[0], challenge, sum(got[name] for name in names))
    for name in got.keys() - known:
        verdict.wrong.append(f"{name} was sent, and nobody asked for it")
    return verdict


def _one(verdict: Verdict, name: str, challenge: Challenge, count: int) -> None:
    """One message: what is said of it, and how often it was sent."""
    word = challenge.delivery
    reason = f" ({challenge.reason})" if challenge.reason else ""
    verdict.kinds[f"{word}{reason}"] += 1
    if challenge.returned:
        verdict.kinds["settled as not sent, and sent anew"] += challenge.returned
    if word is Delivery.QUEUED:
        verdict.wrong.append(f"{name} waits for ever")
    if count > 1:
        verdict.wrong.append(f"{name} was sent {count} times")
    if word in (Delivery.SENT, Delivery.DELIVERED) and not count:
        verdict.wrong.append(f"{name} is {word}, but was never sent")
    if word is Delivery.UNKNOWN:
        verdict.kinds["unknown, and it was sent" if count else "unknown, and it was not sent"] += 1
