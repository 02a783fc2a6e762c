"""The answers to the notebooks' exercises, found by doing them."""

import nbformat
import numpy as np
import pytest

from rawkit import open_pairs
from rawkit.noise import estimate_blind, estimate_pairs, line_variance
from rawkit.report.execution import NOTEBOOKS, execute
from rawkit.synth import write_dataset

# what a reader types at the end of a notebook, and what the folded answer says of it
DONE = {
    "01": """
def scatter(bins):
    curve = photon_transfer_curve(sample[best], sample_gt[best], bins)
    fitted = line.shot_noise[best][:, None] * curve.mean + line.intercept[best][:, None]
    return np.median(np.abs(curve.variance / fitted - 1))

assert 2 < scatter(160) / scatter(16) < 4, scatter(160) / scatter(16)

blurred = np.array([whiteness(*item) for item in zip(blur(sample, 0.5), sample_gt, *pairs[:2])])
right, below = np.median(blurred[:, :2], axis=0)
assert 0.05 < right < 0.15 and 0.05 < below < 0.15, (right, below)

half = (few + few_gt.astype(float)) / 2
assert abs(megcup_score(half, few_gt) - megcup_score(few, few_gt) - 1.505) < 1e-3
"""
}


@pytest.mark.parametrize("name", DONE)
def test_the_answers_are_true(name):
    (path,) = NOTEBOOKS.glob(name + "*.ipynb")
    notebook = nbformat.read(str(path), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(DONE[name]))
    assert execute(notebook, name) is None


def test_01_the_blind_estimate_is_better_on_soft_optics(tmp_path):
    errors = {}
    for preset in ("sharp", "soft"):
        write_dataset(tmp_path / preset, 64, 0, 0, preset=preset)
        noisy, gt = open_pairs(tmp_path / preset)
        level = np.median(gt, axis=(1, 2))[:, None, None]
        known = estimate_pairs(noisy, gt)
        truth = known.shot_noise.mean(1) * level[:, 0, 0] + known.intercept.mean(1)
        found = line_variance(estimate_blind(noisy), level)[:, 0, 0]
        errors[preset] = np.quantile(np.abs(np.log(found / truth)), 0.9)
    assert errors["soft"] < errors["sharp"], errors
