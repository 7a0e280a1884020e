"""Addresses and numbers: parsed, not matched, and kept in one form.

Phone numbers by Google's metadata (phonenumberslite), domains by IDNA 2008 with the mapping of UTS 46 (idna).
"""

import functools
import re
import string
import unicodedata
from importlib.resources import files

import idna

from booking_api.core.text.cleaning import clean_line

LONGEST_EMAIL = 254
"""RFC 5321 §4.5.3.1.3, less the brackets."""
LONGEST_PHONE = 64
"""As it is typed: with blanks, brackets and hyphens."""
_LONGEST_LOCAL_PART = 64
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_{|}~`-]+")
_PLAIN_EMAIL = re.compile(
    r"(?!.{65})[a-z0-9_+-]{1,60}(?:\.[a-z0-9_+-]{1,60}){0,5}@(?:[a-z0-9]{1,60}\.){1,4}[a-z]{2,24}"
)
_HYPHENS = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58], "-")
_QUOTES = dict.fromkeys([0x2018, 0x2019, 0x02BC], "'")
"""Those of full width become ASCII by NFKC."""
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BRACKETED_COUNTRY = re.compile(r"\( ?(\+ ?[\d ]{1,4})\)")
"""As address books write it: (+49) 30 1234567."""
_TYPED_PHONE = re.compile(r"\+?[\d ()\[\]/.~-]+")


class Unreadable(ValueError):
    """What is wrong with an address or a number, as a sentence."""


# mail -------------------------------------------------------------------------------------------------------------


def read_email(text: str) -> str:
    """A mail address in the form in which it is kept: the local part as it was written, the domain as ASCII in lower case.

    A `mailto:`, brackets, a blank or line break at the end, invisible characters, full width, and the hyphens and
    apostrophes of a text processor are mended. Raises `Unreadable`.
    """
    if _PLAIN_EMAIL.fullmatch(text):
        return text  # As most are written, in a twentieth of the time.
    typed = unicodedata.normalize("NFKC", clean_line(text).translate(_HYPHENS | _QUOTES)).strip()
    if typed[:7].lower() == "mailto:":
        typed = typed[7:]
    if typed.startswith("<") and typed.endswith(">"):
        typed = typed[1:-1].strip()
    local, at, domain = typed.rpartition("@")
    if not at or not local or not domain:
        raise Unreadable("A mail address has a name, an @ and a domain, such as ada@example.org.")
    if any(character.isspace() for character in typed) or "@" in local:
        raise Unreadable("A mail address has no blanks and one @; give one address alone.")
    _check_local_part(local)
    address = f"{local}@{_read_domain(domain)}"
    if len(address) > LONGEST_EMAIL:
        raise Unreadable("The mail address is too long.")
    return address


def _check_local_part(local: str) -> None:
    if len(local.encode()) > _LONGEST_LOCAL_PART:
        raise Unreadable("The part before the @ is too long.")
    for atom in local.split("."):
        plain = "".join(character for character in atom if character.isascii())
        rest = [character for character in atom if not character.isascii()]
        if not atom or (plain and not _ATOM.fullmatch(plain)) or any(
            unicodedata.category(character)[0] not in "LMNS" for character in rest
        ):  # fmt: skip
            raise Unreadable("The part before the @ has characters or dots where a mail address can't have them.")


def _read_domain(domain: str) -> str:
    try:
        found = idna.encode(domain.rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise Unreadable("What stands after the @ is not the name of a domain.") from None
    top = found.rpartition(".")[2]
    if "." not in found or not ((top.isalpha() and len(top) > 1) or top.startswith("xn--")):
        raise Unreadable("What stands after the @ is not a whole domain, such as example.org.")
    return found


def same_email(one: str, other: str) -> bool:
    """Whether two addresses reach one mailbox, as far as can be told: case doesn't count, nor how the domain is written."""
    return email_key(one) == email_key(other)


def email_key(text: str) -> str:
    """The same for addresses that reach one mailbox."""
    try:
        address = read_email(text)
    except Unreadable:  # Kept from a time when addresses were only matched.
        address = clean_line(text)
    return address.casefold()


def email_forms(address: str) -> list[str]:
    """What a kept address may look like in small letters, if it was kept as it was typed: for a look-up where rows of
    before addresses were parsed are compared by the database, which may know of no letters but those of ASCII."""
    local, _, domain = address.rpartition("@")
    try:
        shown = idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        shown = domain
    found: set[str] = set()
    for typed in (address, f"{local}@{shown}"):
        for form in ("NFC", "NFD"):
            written = unicodedata.normalize(form, typed)
            for cased in (written, written.lower(), written.upper()):
                found |= {cased.lower(), cased.translate(_SMALL)}
    return sorted(found)


# phones -----------------------------------------------------------------------------------------------------------


def read_phone(text: str, country: str | None) -> str:
    """A phone number as E.164, such as `+49301234567`; a national one is one of the country (ISO 3166 alpha-2).

    Raises `Unreadable`.
    """
    typed = clean_line(text).translate(_HYPHENS)
    typed = unicodedata.normalize("NFKC", typed[4:] if typed[:4].lower() == "tel:" else typed).strip()
    if bracketed := _BRACKETED_COUNTRY.match(typed):
        typed = bracketed[1] + typed[bracketed.end() :]
    if not _TYPED_PHONE.fullmatch(typed):
        raise Unreadable(
            "A phone number has digits, and a + before the code of the country; it can't have an extension."
        )
    import phonenumbers  # Whoever never sends a number never loads the world's numbering plans.

    for attempt, region in _attempts(typed, country):
        try:
            number = phonenumbers.parse(attempt, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE:
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if typed.startswith("+") or country is not None:
        raise Unreadable("There is no phone number with these digits.")
    raise Unreadable("Give the phone number with the code of its country, such as +49 30 1234567.")


def _attempts(typed: str, country: str | None) -> list[tuple[str, str | None]]:
    attempts: list[tuple[str, str | None]] = [(typed, None if typed.startswith("+") else country)]
    digits = typed.lstrip("( ")
    if digits.startswith("00"):
        # Most of the world dials 00 before the code of a country.
        attempts.append(("+" + digits[2:], None))
    return attempts


def same_phone(one: str, other: str, country: str | None) -> bool:
    """Whether two numbers are one, whichever of them was kept from a time when numbers weren't parsed."""
    return bool(key := phone_key(one, country)) and key == phone_key(other, country)


def phone_key(text: str, country: str | None) -> str:
    """The same for numbers that are one: E.164, or the digits of what can't be read. Empty where there are none."""
    try:
        return read_phone(text, country)
    except Unreadable:
        return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


# countries --------------------------------------------------------------------------------------------------------


@functools.cache
def countries() -> frozenset[str]:
    """The ISO 3166 alpha-2 codes that phone numbers are known of."""
    import phonenumbers

    return frozenset(phonenumbers.SUPPORTED_REGIONS)


@functools.cache
def _countries_of_zones() -> dict[str, str]:
    """The country of each time zone's place, from the time zone database."""
    lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines()
    return {parts[2]: parts[0] for line in lines if not line.startswith("#") and len(parts := line.split("\t")) >= 3}


@functools.lru_cache(1024)
def likely_country(locale: str, time_zone: str) -> str | None:
    """The country that an organisation is in where its locale and its time zone leave no doubt, else None."""
    named = next((part.upper() for part in locale.replace("_", "-").split("-")[1:] if len(part) == 2), None)
    placed = _countries_of_zones().get(time_zone)
    if named is None or placed is None or named == placed:
        found = named or placed
        return found if found in countries() else None
    return None
