"""What a user's machine can set, each situation run for real.

The `expensive` ones make a whole environment, and need the network: by hand,

python -m pytest tests/test_situations.py -m expensive
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from notebook_runs import new_notebook

from rawkit import open_patches
from rawkit.cli import doctor
from rawkit.cli.pages import execute
from rawkit.places import ROOT, TEST_INPUT

IN_VENV = Path(sys.prefix) == ROOT / ".venv"
needs_venv = pytest.mark.skipif(not IN_VENV, reason="run.py would set up another environment")
NOWHERE = "/proc"  # no file can be made there, not even by root
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(command, changes=(), **options):
    """Run a program under changed variables: (status, stdout, last line of stderr)."""
    options = dict({"cwd": str(ROOT), "env": dict(os.environ, **dict(changes))}, **options)
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    errors = ended.stderr.decode(errors="replace").splitlines() or [""]
    assert "Traceback" not in "".join(errors)
    return ended.returncode, ended.stdout.decode(), errors[-1]


# -- run.py: what is installed and started, whatever the caller's shell has set

ASK = [str(ROOT / "run.py"), "notebooks", "none"]  # goes all the way to rawkit, and back
ANSWER = "rawkit notebooks: none: found no such notebook"
SHELL = dict(
    POSIX,
    PYTHONOPTIMIZE="2",
    PYTHONWARNINGS="error",
    UV_PYTHON="3.12",
    UV_EXCLUDE_NEWER="2020-01-01",
    UV_REQUIRE_HASHES="1",
    VIRTUAL_ENV="/nowhere",
    CONDA_PREFIX="/nowhere",
    HOME=NOWHERE,
)


@pytest.mark.slow
@needs_venv
def test_run_py_in_a_shell_and_a_folder_of_others(tmp_path):
    """All at once: other programs first, other modules, settings, no home, another folder."""
    for module in ("numpy", "sitecustomize", "megengine"):
        (tmp_path / (module + ".py")).write_text("raise SystemExit('a trap')")
    for program in ("jupyter", "jupyter-lab", "python", "pytest"):
        (tmp_path / program).write_text("#!/bin/sh\necho a trap\n")
        (tmp_path / program).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    changes = dict(SHELL, PYTHONPATH=str(tmp_path), PATH=path)
    # run.py's own Python is the user's choice
    status, _, line = run([sys.executable, "-I"] + ASK, changes, cwd=str(tmp_path))
    assert (status, line[: len(ANSWER)]) == (2, ANSWER)
    status, out, _ = run([sys.executable, "-I", ASK[0], "lab", "--version"], changes)
    assert (status, out.split()[-1]) == (0, doctor.metadata.version("jupyterlab"))


@needs_venv
@pytest.mark.slow
@pytest.mark.parametrize("redirection", ["2>&-", "<&- >&- 2>&-", "| true"])
def test_run_py_with_streams(redirection):
    shell = f'"{sys.executable}" run.py notebooks none {redirection}; echo "${{PIPESTATUS[0]}}" >&9'
    ended = run(["bash", "-c", "exec 9>&1; " + shell])
    assert ended[1].split()[-1] == "2"


# -- the package, started by whatever Python

INPUT = ROOT / "data" / TEST_INPUT


def denoise_command(out):
    return [sys.executable, "-m", "rawkit", "denoise", str(INPUT), str(out)]


@pytest.mark.skipif(not str(ROOT).isascii(), reason="threadpoolctl cannot name it in ASCII")
@pytest.mark.parametrize("streams", [pytest.param("", marks=pytest.mark.slow), "<&- 2>&-"])
def test_locale_umask_no_home_and_closed_streams(streams, tmp_path):
    """MegEngine's C code writes to stream 2, which must be no file of ours."""
    out = tmp_path / "out.bin"
    changes = dict(POSIX, HOME=NOWHERE, OMP_NUM_THREADS="none", TMPDIR="/nowhere")
    changes["LC_NUMERIC"] = "de_DE.UTF-8"
    shell = ["bash", "-c", f'umask 077; "$@" {streams}', "-"]
    assert run(shell + denoise_command(out), changes)[0] == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert open_patches(out).shape == open_patches(INPUT).shape


STEP = """
import numpy as np
import rawkit.training
import megengine as mge
model = rawkit.nn.Baseline()
x = np.ones((1, 1, 16, 16), np.float32)
gradients = mge.autodiff.GradManager().attach(model.parameters())
with gradients:
    loss = rawkit.training.l1_loss(model(mge.Tensor(x)), mge.Tensor(x))
    gradients.backward(loss)
print(np.isfinite(loss.item()))
"""


def test_a_training_step_prints_nothing_of_its_own(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MGB_")]:
        monkeypatch.delenv(name)
    assert run([sys.executable, "-c", STEP]) == (0, "True\n", "")


@pytest.mark.parametrize("name, words", [("gpu9", "no device gpu9"), ("abc", "Invalid device")])
def test_a_device_that_is_not_there_is_one_line(name, words, tmp_path):
    status, _, line = run(denoise_command(tmp_path / "out.bin"), {"MGE_DEFAULT_DEVICE": name})
    assert status == 2 and words in line and "MGE_DEFAULT_DEVICE" in line


# -- notebooks


FIGURE = """
import sys
sys.path.insert(0, "..")
import matplotlib.pyplot as plt
from rawkit import view
view.use_style()
plt.plot([1, 2])
plt.show()
"""


@pytest.mark.slow
def test_figures_show_whatever_the_user_has_set(tmp_path, monkeypatch):
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: black\n")
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("raise SystemExit('the startup of a user')")
    kernel = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["false"], "display_name": "mine", "language": "python"}')
    for name, value in {
        "MPLBACKEND": "Agg",
        "MATPLOTLIBRC": tmp_path,
        "IPYTHONDIR": tmp_path / "ipython",
        "JUPYTER_PATH": tmp_path / "jupyter",
        "JUPYTER_CONFIG_DIR": NOWHERE,
        "HOME": NOWHERE,
    }.items():
        monkeypatch.setenv(name, str(value))
    made = new_notebook(FIGURE, "print(plt.rcParams['figure.facecolor'])")
    assert execute(made, "figure") is None
    assert "image/png" in made.cells[0].outputs[-1].data
    assert made.cells[1].outputs[0].text == "white\n"


def test_a_killed_kernel_is_told_in_a_line():
    made = new_notebook("print('before')", "import os; os.kill(os.getpid(), 9)", "print('after')")
    assert "killed, perhaps for want of memory" in execute(made, "killed")
    assert made.cells[0].outputs[0].text == "before\n"


# -- the doctor


def test_the_doctor_finds_nothing_here(capsys):
    assert doctor.report() == 0, capsys.readouterr().out


NO_GL = "raise ImportError('libGL.so.1: cannot open shared object file')"
KILLED = "import os; os.kill(os.getpid(), 4)"
NO_LIBRARY = "import ctypes\ndef CDLL(name):\n    raise OSError(name)\nctypes.CDLL = CDLL"


@pytest.mark.parametrize(
    "module, code, path, told",
    [
        ("cv2", NO_GL, "auto", "sudo apt-get install libgl1"),
        ("megengine", KILLED, "auto", "^ended by signal 4$"),
        ("sitecustomize", NO_LIBRARY, "onednn", "oneDNN cannot be loaded"),
        ("other", "", "native", "unset RAWKIT_CONV"),
        ("other", "", "fast", "RAWKIT_CONV: found 'fast', expected one of auto, onednn, native"),
    ],
)
def test_the_doctor_says_why_networks_are_slow_or_do_not_start(
    module, code, path, told, tmp_path, monkeypatch
):
    (tmp_path / (module + ".py")).write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("RAWKIT_CONV", path)
    with pytest.raises(ImportError, match=told):
        doctor.check_networks()


def test_a_command_says_it_too(tmp_path):
    (tmp_path / "cv2.py").write_text(NO_GL)
    command = denoise_command(tmp_path / "out.bin")
    status, _, line = run(command, {"PYTHONPATH": str(tmp_path)})
    assert status == 2 and line.startswith("rawkit denoise: MegEngine cannot load a library")
    assert line.endswith("python -m rawkit doctor tells more")


def test_the_doctor_goes_on_where_a_check_fails(capsys, monkeypatch, tmp_path):
    (tmp_path / TEST_INPUT).write_bytes(bytes(1000000))
    monkeypatch.setenv("RAWKIT_DATA", str(tmp_path))
    monkeypatch.setenv("RAWKIT_OUTPUTS", NOWHERE + "/out")
    monkeypatch.setenv("RAWKIT_PHOTO", "nowhere.NEF")
    monkeypatch.setitem(doctor.CHECKS, "networks", lambda: "not asked")
    assert doctor.report() == 3
    out = capsys.readouterr().out
    assert "found 1,000,000 bytes" in out
    assert "FIX  outputs          /proc/out: found a folder that cannot be written" in out
    assert "nowhere.NEF: found no file" in out and "ok   settings" in out


def test_the_doctor_knows_every_setting_of_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"RAWKIT_[A-Z]+", text)) <= set(doctor.SETTINGS)


def test_a_mirror_of_pip_serves_uv_too(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    import run as program

    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    assert program.clean_environment()["UV_INDEX_URL"] == "https://mirror.example/simple"
    monkeypatch.setenv("UV_INDEX_URL", "https://other.example/simple")
    assert program.clean_environment()["UV_INDEX_URL"] == "https://other.example/simple"


def test_a_python_without_numpy_is_told_in_a_line(tmp_path):
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(name='numpy')")
    command = [sys.executable, "-m", "rawkit", "doctor"]
    status, _, line = run(command, {"PYTHONPATH": str(tmp_path)})
    assert status == 2 and "found no NumPy" in line and ".venv/bin/python" in line


# -- the expensive ones


@pytest.mark.expensive
@pytest.mark.parametrize("python", ["python3.6", "python3.7", "python3"])
def test_a_first_start_without_uv(python, tmp_path):
    """The user's Python is any 3.6 or newer; uv is nowhere; the folder's name is not plain."""
    found = shutil.which(python)
    if not found or subprocess.call([found, "-c", "import pip"], stderr=subprocess.DEVNULL):
        pytest.skip(f"no {python} with pip here")
    clone = tmp_path / "a folder of ünïcode"
    clone.mkdir()
    copy = 'git ls-files -z | xargs -0 cp --parents -t "$0"'
    subprocess.check_call(["bash", "-c", copy, str(clone)], cwd=str(ROOT))
    status, out, line = run([found, "run.py", "notebooks", "none"], cwd=str(clone))
    assert (status, line[:16]) == (2, "rawkit notebooks"), line
    assert "Fetching uv" in out
