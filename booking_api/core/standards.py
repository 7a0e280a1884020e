"""Currencies, languages and time zones that there are: what an organisation or a catalogue may name. Pure.

Amounts are kept in minor units, texts by language and times by zone, for years. A name that means nothing would only
be found out when the first customer pays, reads or travels.
"""

import re
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGES = _words(
    # ISO 639-1, whole.
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es "
    "et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki "
    "kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no "
    "nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te "
    "tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
    # Of those with three letters, which have no code of two, the ones that phones can be set to (Unicode CLDR).
    "agq asa ast bal bas bem bez bho brx ceb cgg chr ckb cmn csb dav dje doi dsb dua dyo ebu ewo fil frp fur gsw guz hak haw "
    "hmn hsb jam jgo jmc kab kam kde kea khq kln kok ksb ksf ksh lag lij lkt lmo lrc luo luy mai mas mer mfe mgh mgo mni mua "
    "mus mwl mzn nan nap naq nds nmg nnh nqo nso nus nyn pap pcm pms rof rwk sah saq sat sbp scn sco seh ses shi sma smj smn "
    "sms szl tcy teo tet tig tpi tzm vai vec vun wae war wuu xog yav yrl yue zgh"
)
SCRIPTS = _words(
    "Adlm Arab Aran Armn Beng Bopo Brai Cakm Cans Cher Cyrl Deva Ethi Geor Grek Gujr Guru Hang Hani Hans Hant Hebr Hira Java "
    "Jpan Kana Khmr Knda Kore Lana Laoo Latn Limb Mlym Mong Mtei Mymr Nkoo Olck Orya Rohg Sinh Sund Syrc Taml Telu Tfng Thaa "
    "Thai Tibt Vaii Yiii"
)
"""ISO 15924, those in use."""
PARTS_OF_THE_WORLD = _words(
    "001 002 003 005 009 011 013 014 015 017 018 019 021 029 030 034 035 039 053 054 057 061 142 143 145 150 151 154 155 "
    "202 419"
)
"""UN M.49: `es-419` is the Spanish of Latin America."""
NOT_SOLD_IN = frozenset({"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "XAD"})
"""ISO 4217 has codes of funds and units of account too, in which nothing is sold."""
NOT_A_PLACE = frozenset({"Factory", "localtime", "posixrules"})
_VARIANT = re.compile(r"[a-z0-9]{5,8}|[0-9][a-z0-9]{3}")


def is_currency(code: str) -> bool:
    """Whether this is the ISO 4217 code of money that one sells in: no fund, no metal, nothing for tests."""
    from iso4217 import Currency  # Imported here: it reads a table, which only commands need.

    try:
        return Currency(code).exponent is not None and code not in NOT_SOLD_IN
    except ValueError:
        return False


@cache
def _regions() -> frozenset[str]:
    """ISO 3166-1, as the time zone database lists them."""
    lines = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8").splitlines()
    return frozenset(line[:2] for line in lines if line and not line.startswith("#"))


def canonical_language(tag: str) -> str | None:
    """A language tag (BCP 47) as it is usually written, `de-AT` for `DE-at`; None for one that means nothing.

    Language, script, region and variants; no extensions and nothing private, because no text is chosen by them.
    """
    if not tag.isascii():
        return None
    language, *rest = tag.lower().split("-")
    if language not in LANGUAGES:
        return None
    parts = [language]
    if rest and rest[0].title() in SCRIPTS:
        parts.append(rest.pop(0).title())
    if rest and (rest[0].upper() in _regions() or rest[0] in PARTS_OF_THE_WORLD):
        parts.append(rest.pop(0).upper())
    if len(set(rest)) < len(rest) or not all(_VARIANT.fullmatch(part) for part in rest):
        return None
    return "-".join([*parts, *rest])


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - NOT_A_PLACE)


def find_zone(name: str) -> ZoneInfo | None:
    """The IANA time zone of this name, or None."""
    try:
        return ZoneInfo(name) if name in _zones() else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
