"""From a file of noisy patches to `result.bin` by `rawkit.nn`, and whether it is a valid answer."""

import numpy as np

from ..binio import open_alike, open_patches, write_patches
from ..nn import denoise_batches
from ..noise import estimate_blind, line_variance

BLOCK = 16  # pixels; means over so many hardly feel the noise
CLEARLY = 0.05  # by so much another input must correlate better, to be called a mix-up
FAR = 1.5  # times the noise: an honest answer differs from its input by about once


def write_submission(model, noisy_path, result_path, self_ensemble=False, progress=False):
    """Denoise a file of patches into another one, which appears whole or not at all.

    Parameters
    ----------
    model : megengine.module.Module
        (N, 1, H, W) float32 in 0-1 to the same.
    noisy_path, result_path : str or Path
    self_ensemble : bool
        Average over eight views: a little better, eight times slower.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Path
        `result_path`.

    Raises
    ------
    FileNotFoundError, ValueError, OSError
        As `open_patches` and `write_patches`; nothing is left behind.
    """
    # file -> patches: (N, 256, 256) uint16 in DN; nothing is read yet
    noisy = open_patches(noisy_path)
    # patches -> 0-1 -> network -> DN -> clipped, rounded: a batch at a time
    batches = denoise_batches(model, noisy, self_ensemble=self_ensemble, progress=progress)
    # -> file: beside its place, and under its name when it is complete
    return write_patches(result_path, batches)


def check_submission(result_path, noisy_path):
    """Find out whether a file can be the answer to a test input.

    Parameters
    ----------
    result_path, noisy_path : str or Path
        Of patch files.

    Returns
    -------
    list of str
        Warnings: what is allowed but looks wrong.  Empty if nothing does.

    Raises
    ------
    FileNotFoundError, ValueError
        Where the file cannot be an answer: another size or number of patches, a patch
        that is constant or a copy of its input, values in 0-1 instead of DN, or
        patches that belong to other inputs.
    """
    result, noisy = open_alike(result_path, noisy_path)
    small, small_noisy = _thumbnails(result), _thumbnails(noisy)
    flat = [p.min() == p.max() and q.min() != q.max() for p, q in zip(result, noisy)]
    # a clean input may come back as it is: only one that holds noise must change
    noise = np.array([_noise(patch) for patch in noisy])
    copied = [level > 1 and np.array_equal(p, q) for level, p, q in zip(noise, result, noisy)]
    dim = small.mean(1) < 0.01 * small_noisy.mean(1)
    _refuse(result_path, dim, "hold a hundredth of the light or less: are they in 0-1, not DN?")
    _refuse(result_path, flat, "are constant, but their inputs are not")
    _refuse(result_path, copied, "are copies of their inputs")
    with np.errstate(invalid="ignore"):  # a patch without contrast is like no other
        alike = np.nan_to_num(np.corrcoef(small, small_noisy)[: len(small), len(small) :])
    other = alike.max(1) - np.diag(alike) > CLEARLY
    _refuse(result_path, other, "fit other inputs better than their own: is the order right?")

    far = [np.std(p - q.astype(np.float32)) for p, q in zip(result, noisy)]
    far = np.array(far) > FAR * np.maximum(noise, 1)
    if not far.any():
        return []
    swapped = ": are the two files swapped?" if far.all() else ""
    return [f"{_count(far)} differ from their inputs by more than the noise explains{swapped}"]


def _thumbnails(patches):
    """Means of BLOCK x BLOCK pixels, a row for each patch."""
    blocks = patches.reshape(len(patches), -1, BLOCK, patches.shape[-1] // BLOCK, BLOCK)
    return blocks.mean((2, 4)).reshape(len(patches), -1)


def _noise(patch):
    """Deviation of the noise, DN, over the patch's own brightness."""
    variance = line_variance(estimate_blind(patch), patch.astype(np.float32))
    return np.sqrt(variance.mean())


def _count(wrong):
    numbers = np.flatnonzero(wrong)
    return f"{len(numbers)} of {len(wrong)} patches (first {numbers[0]})"


def _refuse(path, wrong, what):
    if np.any(wrong):
        raise ValueError(f"{path}: found that {_count(wrong)} {what}")
