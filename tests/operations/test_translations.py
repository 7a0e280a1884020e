"""Every sentence that a refusal can have exists in each other language too, with a place for each of its values."""

import ast
import sys
from pathlib import Path

import pytest

import booking_api
from booking_api.capabilities import all_routes
from booking_api.core import languages
from booking_api.core.errors import known_errors
from booking_api.core.languages import LANGUAGES, LanguageFile, translate

PACKAGE = Path(booking_api.__file__).parent
FOR_OPERATORS = {"demo", "cli", "importing", "distribution"}
"""Whose refusals are read at a terminal, in English."""
MAKERS = {"invalid": 1, "unprocessable": 1, "FieldError": 1, "Unfit": 0, "Unreadable": 0, "ClientException": 0}
"""Function → the position of its sentence; that of an error's class is the first."""
SAYING = {
    ("bookings/details.py", "check_answer"), ("catalog/rules.py", "check_party"), ("core/web/misfits.py", "describe_misfit"),
    ("core/web/misfits.py", "describe_malformed"), ("core/web/misfits.py", "_sentence"), ("core/web/misfits.py", "_one_of"),
    ("core/web/misfits.py", "_about_length"), ("core/web/misfits.py", "_about_bound"),
}  # fmt: skip
"""Functions that return sentences."""


def templates(node: ast.expr) -> list[str]:
    """The texts that an expression may be, with `{}` where a value stands."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)]
        case ast.IfExp():
            return templates(node.body) + templates(node.orelse)
        case ast.BinOp(op=ast.Add()):
            return [first + second for first in templates(node.left) for second in templates(node.right)]
        case _:
            return []


def is_sentence(text: str) -> bool:
    return " " in text and text.endswith(".")


def sentences() -> dict[str, str]:
    all_routes()
    errors = {cls.__name__ for classes in known_errors().values() for cls in classes}
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if place.parts[0] in FOR_OPERATORS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                position = MAKERS.get(name, 0 if name in errors else None)
                if position is not None and len(node.args) > position:
                    found |= dict.fromkeys(templates(node.args[position]), str(place))
            elif isinstance(node, ast.FunctionDef) and (place.as_posix(), node.name) in SAYING:
                said = [
                    text for part in ast.walk(node) if isinstance(part, ast.expr) and not _is_within_text(node, part)
                    for text in templates(part) if is_sentence(text) and text != ast.get_docstring(node, clean=False)
                ]  # fmt: skip
                found |= dict.fromkeys(said, str(place))
    return found


def _is_within_text(function: ast.FunctionDef, part: ast.expr) -> bool:
    return any(
        part is inner for text in ast.walk(function) if isinstance(text, ast.JoinedStr) for inner in ast.walk(text) if inner is not text
    )  # fmt: skip


def missing_in(language: LanguageFile) -> dict[str, str]:
    """What a language doesn't say yet, with the file that says it in English."""
    all_routes()
    titles = {cls.title: "(title)" for classes in known_errors().values() for cls in classes if hasattr(cls, "title")}
    return {text: place for text, place in sentences().items() if text not in language.sentences} | {
        text: place for text, place in titles.items() if text not in language.titles
    }


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_title_and_sentence_is_said_in_every_language(tag):
    assert missing_in(LANGUAGES[tag]) == {}, f"say them in core/languages/{tag}.py"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_all_have_the_same_places(tag):
    said = LANGUAGES[tag].sentences
    assert {text for text, other in said.items() if text.count("{}") != other.count("{}")} == set()


def test_another_language_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "sv.py").write_text(
        'TITLES = {"Too many requests": "För många förfrågningar"}\n'
        'SENTENCES = {"Give {} here.": "Ange {} här."}\nWORDS = {"a text": "en text", "null": "null", "or": "eller"}\n'
    )
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    try:
        found = languages.load_languages()
    finally:
        sys.modules.pop("booking_api.core.languages.sv", None)
    swedish = found["sv"]
    assert found["de"].titles == LANGUAGES["de"].titles
    assert swedish.translate("Too many requests") == "För många förfrågningar"
    assert swedish.translate("Give a text or null here.") == "Ange en text eller null här."
    assert swedish.translate("There is no such slot.") == "There is no such slot."
    missing = missing_in(swedish)
    assert "There is no such slot." in missing
    assert "The seat is taken" in missing
    assert "Give {} here." not in missing


def test_what_has_no_file_is_said_in_english():
    assert translate("Too many requests", "sv") == "Too many requests"


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("There are not 3 places left.", "Es sind keine 3 Plätze mehr frei."),
        ("There is no place left.", "Es ist kein Platz mehr frei."),
        ("Give a text or null here.", "Geben Sie hier einen Text oder null an."),
        ("An order that is on_hold can't be confirmed.", "Ein Auftrag, der reserviert ist, kann nicht bestätigt werden."),
        ("At most 200 characters are allowed; these are 201.", "Höchstens 200 Zeichen sind erlaubt; das sind 201."),
        ("Nobody wrote this.", "Nobody wrote this."),
        ("Too many requests", "Zu viele Anfragen"),
    ],
)  # fmt: skip
def test_sentences_are_found_by_their_text(english, german):
    assert translate(english, "de") == german
    assert translate(english, "en") == english
