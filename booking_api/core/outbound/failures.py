"""What comes of a call: an answer, or why there is none."""

from typing import Literal

import msgspec

WhyUnanswered = Literal[
    "bad_url", "unresolved", "forbidden_address", "unconnected", "untrusted", "timed_out", "too_large", "broken"
]


class CallFailed(Exception):
    """There is no answer. The reason is for logs and for whoever named the URL."""

    def __init__(self, reason: WhyUnanswered) -> None:
        super().__init__(reason)
        self.reason: WhyUnanswered = reason


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    """By names in lower case; of several of one name, the last."""
    body: bytes
