"""The import rules of `pyproject.toml` hold."""

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import booking_api


def test_imports_only_go_down(capsys, monkeypatch):
    root = Path(booking_api.__file__).parent.parent
    monkeypatch.chdir(root)
    status = lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
