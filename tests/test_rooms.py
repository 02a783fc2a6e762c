"""The floors of rawkit, as pyproject.toml states them."""

import pytest

from rawkit.places import ROOT

cli = pytest.importorskip("importlinter.cli")  # a development dependency, for Python 3.10


def test_a_room_needs_only_those_above_it(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    status = cli.lint_imports(no_cache=True)  # the checkout may be read-only
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out
