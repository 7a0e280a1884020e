"""Names that are one, and names that aren't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.text.cleaning import clean_line
from booking_api.core.text.folding import WORD_LENGTH, fold, search_query, search_words

SAME = [
    ("Müller", "Mueller", "Muller", "MÜLLER", "Mu\u0308ller"),
    ("Weiß", "Weiss", "WEISS", "Weiẞ"),
    ("Ødegård", "Oedegaard", "Odegard", "Ødegaard"),
    ("Björk", "Bjoerk", "Bjork"),
    ("Sjælland", "Sjaelland", "Sjalland"),
    ("O’Brien", "O'Brien", "O`Brien", "Oʼbrien", "OBrien"),
    ("Jean-Luc", "Jean‑Luc", "Jean–Luc", "Jean Luc", "luc  JEAN"),
    ("Ada Lovelace", "LOVELACE, Ada", " Ａｄａ\u3000Ｌｏｖｅｌａｃｅ"),
    ("ﬁnn", "Finn", "FINN"),
    ("Işıl", "Isil", "ISIL"),
    ("İbrahim", "Ibrahim", "ibrahim"),
    ("Nguyễn Thị Ánh", "Nguyen Thi Anh"),
    ("Łukasz Żółć", "Lukasz Zolc"),
    ("Þórður", "Thordur"),
    ("Đặng", "Dang"),
    ("محمّد", "محمد"),
    ("علي", "علی"),
    ("שָׂרָה", "שרה"),
    ("Αγγελική", "αγγελικη"),
    ("Семён", "Семен"),
    ("ｶﾞｸ", "ガク"),
    ("Œuvre", "Oeuvre"),
    ("Col·lell", "Collell"),
    ("Zürich", "Zuerich", "Zurich"),
]


@pytest.mark.parametrize("names", SAME)
def test_ways_of_writing_one_name(names):
    assert len({fold(name) for name in names}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "Ida"),
        ("王小明", "王小红"),
        ("राम", "रमा"),
        ("がく", "かく"),
        ("Ann", "Anna"),
        ("สมชาย", "สมหญิง"),
        ("Кий", "Кей"),
    ],
)
def test_other_names_stay_others(one, other):
    assert fold(one) != fold(other)


def finds(query: str, name: str) -> bool:
    """What PostgreSQL says, in few words; the query's own syntax is tested on a real one."""
    asked = search_query(query)
    if asked is None:
        return False
    expression = ""
    words = search_words(name)
    position = 0
    while position < len(asked):
        if asked[position] == "'":
            end = asked.index("'", position + 1)
            word, rest = asked[position + 1 : end], asked[end + 1 :]
            prefix = rest.startswith(":*")
            found = any(w.startswith(word) if prefix else w == word for w in words)
            expression += str(found)
            position = end + (3 if prefix else 1)
        else:
            expression += {"&": " and ", "|": " or "}.get(asked[position], asked[position])
            position += 1
    return bool(eval(expression))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("王", "王小明"), ("小明", "王小明"), ("王 小明", "王小明"), ("王小明", "王 小明"), ("김", "김철수"), ("철수", "김철수"),
        ("a", "Ada"), ("l", "Ada Lovelace"), ("lovelace ada", "Ada Lovelace"), ("love a", "Ada Lovelace"),
        ("mull", "Mueller"), ("muel", "Müller"), ("MÜLL", "Muller"), ("brien", "O'Brien"), ("obrien", "O’Brien"), ("o'brien", "OBrien"),
        ("o brien", "OBrien"), ("jeanluc", "Jean-Luc"), ("jean-luc", "Jeanluc"), ("luc", "Jean‑Luc"), ("joe", "Joe"), ("boe", "Bø"), ("bo", "Boe"),
        ("zurich", "Zürich HB"), ("ö", "Oehler"), ("ß", "Ssemakula"), ("🎉", "🎉 Party"), ("123", "Gate 123"), ("१२", "Gate 12"),
        ("abc\u200bdef", "abcdef"), ("אבר", "אברהם"), ("سار", "سارة"),
    ],
)  # fmt: skip
def test_the_beginning_of_a_word_finds(query, name):
    assert finds(query, name)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("joe", "John"),
        ("sue", "Susan"),
        ("da", "Ada"),
        ("ada king", "Ada Lovelace"),
        ("%", "Ada"),
        ("_", "Ada"),
        ("", "Ada"),
        ("ล", "สมชาย"),
    ],
)
def test_others_are_not_found(query, name):
    assert not finds(query, name)


@given(st.text())
def test_folding_never_fails_and_takes_cleaned_text_for_the_same(text):
    assert fold(clean_line(text)) == fold(text)
    assert fold(fold(text)) == fold(text)
    for word in search_words(text):
        assert word
        assert not set(word) & set(" '\\\0\t\n")
        assert len(word) <= WORD_LENGTH
    assert search_words(clean_line(text)) == search_words(text)


@given(st.text(min_size=1))
def test_everybody_is_found_by_their_own_name(text):
    assert search_query(text) is None or finds(text, text)
