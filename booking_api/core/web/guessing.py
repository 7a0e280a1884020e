"""Whether a master secret could be guessed. Pure.

Randomness can't be proven, but the lack of it shows: few different characters, repetition, sequences, words that
everybody tries first. What is left without them is measured, and must be worth at least `LEAST_BITS`.
"""

import itertools
import math
import re
from collections import Counter

LEAST_LENGTH = 32
LEAST_BITS = 40.0
"""Of what is measured, which is far less than what chance is worth: 32 random hexadecimal digits, which are worth 128
bits, measure 88 on average, and less than 46 in one case of 100,000; 64 of them never less than 120."""
HOW = "make one with `openssl rand -hex 32`"
ROWS = (
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb",
)
"""How fingers run over a keyboard."""
WORDS = (
    "password", "passphrase", "passwort", "passw0rd", "p4ssw0rd", "secret", "geheim", "changeme", "change", "replace",
    "example", "beispiel", "sample", "placeholder", "default", "insecure", "unsafe", "notsecure", "dummy", "foobar",
    "letmein", "welcome", "admin", "master", "production", "development", "django", "flask", "booking", "jwt", "token",
    "key", "your", "here", "random", "characters", "least", "string", "hunter2", "trustno1", "deadbeef", "cafebabe",
    "correcthorsebatterystaple", "loremipsum", "thisisnot", "supersecret", "please", "before",
)  # fmt: skip
"""What examples and first tries are made of."""
_KNOWN = re.compile("|".join(sorted({*WORDS, *ROWS, *(row[::-1] for row in ROWS)}, key=len, reverse=True)))


def why_guessable(secret: str) -> str | None:
    """What is wrong with a secret, as the end of a sentence; None where nothing is seen."""
    if len(secret) < LEAST_LENGTH:
        return f"has {len(secret)} characters, of at least {LEAST_LENGTH}" if secret else "is not set"
    plain = re.sub(r"[^a-z0-9]", "", secret.lower())
    left = _KNOWN.sub("", plain)
    if measured_bits(secret) < LEAST_BITS:
        return "repeats itself or counts up"
    if measured_bits(left) < LEAST_BITS and len(left) < len(plain):
        return "is made of words that are tried first"
    return None


def measured_bits(text: str) -> float:
    """The number of steps from a character to the next that are new and no counting, each worth what the text's
    characters are on average (Shannon)."""
    if not text:
        return 0.0
    seen: set[tuple[str, str]] = set()
    new = 0
    for pair in itertools.pairwise(text):
        if pair not in seen and abs(ord(pair[1]) - ord(pair[0])) > 1:
            new += 1
        seen.add(pair)
    shares = [count / len(text) for count in Counter(text).values()]
    return new * -sum(share * math.log2(share) for share in shares)
