"""The network in PyTorch, which stands as text in notebook 03, answers like ours."""

import re

import megengine as mge
import nbformat
import numpy as np
import pytest
from notebook_runs import write_network

from rawkit.cli.pages import NOTEBOOKS
from rawkit.nn import save_model

torch = pytest.importorskip("torch")


def test_pytorch_answers_like_megengine(tmp_path, monkeypatch, rng):
    (path,) = NOTEBOOKS.glob("03*.ipynb")
    texts = [cell.source for cell in nbformat.read(str(path), as_version=4).cells]
    (code,) = re.findall(r"```python\n(import torch.*?)```", "\n".join(texts), re.S)
    mge.random.seed(1)
    weights = tmp_path / "outputs" / "weights" / "unet.safetensors"
    model = write_network(weights.with_suffix(".py"))()
    for parameter in model.parameters():  # some begin with zeros
        parameter[...] = parameter + mge.random.normal(0, 0.02, parameter.shape)
    model.eval()
    save_model(weights, model, weights.with_suffix(".py"))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)

    y, x = np.mgrid[:64, :96]
    scene = 10400 + 9999 * np.sin(x / 9) * np.cos(y / 13)  # down to the line's zero, 500 DN
    spread = np.sqrt(np.maximum(40 * scene - 20000, 0) + 900)
    noisy = np.float32(scene + rng.standard_normal(scene.shape) * spread)
    bayer, line = noisy[None, None], np.float32([[40, -20000]])
    assert (bayer < 500).sum() > 10, "where the root ends, its tangent goes on"
    ours = model(mge.Tensor(bayer / 65536), mge.Tensor(line)).numpy() * 65536
    with torch.no_grad():
        slope, intercept = torch.tensor(line).reshape(2, 1, 1, 1, 1)
        theirs = names["net"](torch.tensor(bayer), slope, intercept)
    assert np.abs(ours - bayer).mean() > 20, "the example must change something"
    assert np.abs(ours - theirs.numpy()).max() < 1
