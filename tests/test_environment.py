"""requirements.txt is the single source of versions; everything else must agree with it."""

import re
import sys

import pytest

from rawkit.places import ROOT

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

PIN = re.compile(r"([A-Za-z0-9_.-]+)==(\S+)")


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(PIN.fullmatch(line).groups() for line in lines if line and line[0] != "#")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_uv_is_constrained_to_the_same_versions():
    found = project()["tool"]["uv"]["constraint-dependencies"]
    assert found == ["%s==%s" % pin for pin in requirements().items()]


def test_conda_gets_the_same_versions_and_says_who_needs_them():
    lines = (ROOT / "environment.yml").read_text().splitlines()
    pins = requirements()
    listed = [line for line in lines if "==" in line]
    for line in listed:
        name, version = PIN.search(line).groups()
        assert pins[name] == version
        assert "# " in line, "%s: says who needs it" % name
    assert any(line.strip() == "- -r requirements.txt" for line in lines)
    assert any(line.strip().startswith("- python=3.10") for line in lines)
    direct = project()["project"]["dependencies"] + sum(
        project()["project"]["optional-dependencies"].values(), []
    )
    names = {re.match(r"[\w-]+", requirement).group() for requirement in direct}
    assert {PIN.search(line).group(1) for line in listed} == names


def test_the_installed_versions_are_the_pinned_ones():
    if sys.version_info[:2] != (3, 10):
        pytest.skip("the versions are pinned for Python 3.10")
    from importlib.metadata import version

    assert {name: version(name) for name in requirements()} == requirements()


def test_python_is_the_pinned_one():
    assert (ROOT / ".python-version").read_text().strip() == "3.10"
