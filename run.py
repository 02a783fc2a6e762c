#!/usr/bin/env python3
"""Set everything up, then run the notebooks, the tests or JupyterLab.

    python3 run.py          all notebooks in order, then outputs/submit/result.bin
    python3 run.py test     the tests, every notebook once; further words go to pytest
    python3 run.py lab      JupyterLab, opened at notebook 01; lab --zh: at the Chinese one
    python3 run.py doctor   what is installed, found and usable

Works with any Python 3.6 or newer: it only starts uv, which finds or fetches the
Python 3.10 that MegEngine needs and fills the folder .venv beside this file.
"""

import os
import platform
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
PRIVATE = os.path.join(ROOT, ".uv")  # uv, where it is not installed; a home, where there is none

IS_ROOT = getattr(os, "geteuid", int)() == 0  # not everywhere; there check_platform speaks
RUFF = ["-m", "ruff"]
FIRST = "notebooks/01_data_exploration.ipynb"
LAB = ["-m", "jupyterlab", FIRST]
COMMANDS = {
    "notebooks": [["-m", "rawkit", "notebooks"]],
    "test": [
        RUFF + ["check", "."],
        RUFF + ["format", "--check", "."],
        # side by side, on a thread each: two at once need less time than two threads save
        ["-m", "pytest", "-n", "2", "--dist", "loadfile"],
    ],
    # root_dir, so that README and outputs are in sight; the user root needs a permission
    "lab": [LAB + ["--ServerApp.root_dir=" + ROOT] + ["--allow-root"] * IS_ROOT],
    "doctor": [["-m", "rawkit", "doctor"]],
}

# What the caller's shell may have set for other programs and would change ours.  Where
# packages come from (PIP_INDEX_URL, UV_INDEX_URL, proxies, certificates) stays.
NOT_OURS = "MPLBACKEND MATPLOTLIBRC JUPYTER_PATH IPYTHONDIR VIRTUAL_ENV CONDA_PREFIX".split()
NOT_OURS += ["UV_" + name for name in (
    "BUILD_CONSTRAINT CONSTRAINT EXCLUDE_NEWER NO_BUILD OVERRIDE PYTHON REQUIRE_HASHES "
    "SYSTEM_PYTHON WORKING_DIR WORKING_DIRECTORY"
).split()]  # fmt: skip


def stop(message):
    sys.exit("run.py: " + message)


def say(message):
    try:
        print(message, flush=True)
    except OSError:  # whoever read it has gone
        pass


def check_platform():
    found = f"{platform.system()} on {platform.machine()}"
    if found != "Linux on x86_64":
        stop(
            f"found {found}, expected Linux on x86_64, which MegEngine is built for "
            "(on Windows, use WSL; elsewhere, a hosted Jupyter such as MegStudio)"
        )


def can_write(folder):
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def clean_environment():
    """The caller's variables less those that would change what is installed or run."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_OURS and not name.startswith("PYTHON")
    }
    environment.update(
        PATH=os.path.join(VENV, "bin") + os.pathsep + os.environ.get("PATH", os.defpath),
        PYTHONUTF8="1",  # in whatever locale
        JUPYTER_PREFER_ENV_PATH="1",  # the kernel of .venv, not one the user has registered
        PIP_USER="0",  # pip is told a folder
        PIP_REQUIRE_VIRTUALENV="0",
    )
    if "UV_INDEX_URL" not in environment and "UV_DEFAULT_INDEX" not in environment:
        mirror = environment.get("PIP_INDEX_URL")  # of the user's pip: uv has a name of its own
        environment.update({"UV_INDEX_URL": mirror} if mirror else {})
    home = os.path.expanduser("~")
    if not can_write(home):  # a container's arbitrary user
        environment["HOME"] = os.path.join(PRIVATE, "home")
        try:
            os.makedirs(environment["HOME"], exist_ok=True)
        except OSError as error:
            stop(f"{ROOT}: cannot write here ({error.strerror}), expected a folder of yours")
    return environment


def works(uv, environment):
    """Whether this uv starts, and is new enough to know `pip sync`."""
    try:  # a version manager's stand-in can be on the path and lead nowhere
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return not subprocess.call(
            [uv, "pip", "sync", "--help"], cwd=ROOT, env=environment, **quiet
        )
    except OSError:
        return False


def find_uv(environment):
    """The program uv; fetched into .uv where there is none."""
    private = os.path.join(PRIVATE, "bin", "uv")
    for uv in ("uv", private):
        if works(uv, environment):
            return uv
    say("Fetching uv, the installer, into .uv")
    # --target leaves the user's own Python alone and works where that is protected
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    pip += ["--upgrade", "--target"]
    # uv is one program; only the Python module that starts it asks for Python 3.8
    get_uv = pip + [PRIVATE, "--only-binary=:all:", "--ignore-requires-python", "uv"]
    if subprocess.call(get_uv, env=environment, stderr=subprocess.DEVNULL):
        # Python 3.6 comes with a pip too old to see today's uv; 21.3.1 is the last for 3.6
        newer = os.path.join(PRIVATE, "pip")
        subprocess.call(pip + [newer, "pip==21.3.1"], env=environment, stderr=subprocess.DEVNULL)
        subprocess.call(get_uv, env=dict(environment, PYTHONPATH=newer))
    if not works(private, environment):
        stop(
            "could not install uv with pip; install uv by hand (on Debian or Ubuntu, "
            "sudo apt-get install python3-pip may be all), then run this again"
        )
    return private


def set_up(environment):
    """Make .venv, and put exactly the packages of requirements.txt into it."""
    uv = find_uv(environment)
    commands = [[uv, "pip", "sync", "--python", VENV_PYTHON, "requirements.txt"]]
    if not os.path.exists(VENV_PYTHON):
        say("Setting up .venv. The first time downloads about 1.2 GB.")
        commands.insert(0, [uv, "venv", "--allow-existing", "--quiet", VENV])
    for command in commands:
        if subprocess.call(command, cwd=ROOT, env=environment):
            stop("uv could not set up .venv (its message is above)")


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "notebooks"
    if name in ("-h", "--help"):
        say(__doc__.strip())
        return
    if name not in COMMANDS:
        stop(f"found {name!r}, expected one of {', '.join(COMMANDS)}")
    check_platform()
    environment = clean_environment()
    set_up(environment)
    *before, last = [[VENV_PYTHON] + command for command in COMMANDS[name]]
    for command in before:
        status = subprocess.call(command, cwd=ROOT, env=environment)
        if status:
            sys.exit(status)
    words = sys.argv[2:]
    if name == "lab" and words[:1] == ["--zh"]:
        last[last.index(FIRST)], words = FIRST.replace("/", "/zh/"), words[1:]
    os.chdir(ROOT)
    # in our place: Ctrl-C then reaches JupyterLab, not a parent that would kill it
    os.execve(VENV_PYTHON, last + words, environment)


if __name__ == "__main__":
    main()
