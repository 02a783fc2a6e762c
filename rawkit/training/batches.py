"""Endless random batches to train on: crops of pairs, or of scenes with fresh noise.

Augmentation is here: flips (of `rawkit.bayer`), exposure, and sensors' deviations.  Batches are
NumPy arrays, so that any framework can be fed with them.
"""

import random

import numpy as np

from ..bayer import SCALE, crop_bayer
from ..noise import estimate_blind
from ..synth import MIXED, expose, plane_noise, random_sensor, vary_sensor

# shares of the crops that are exposed so that some of their pixels clip, and so that little
# stands out of the noise in the dark; the others by one stop more or less, normal
BRIGHT_SHARE, DARK_SHARE = 0.2, 0.08
CLIPPED = (0.02, 0.7)  # share of the pixels beyond the white level, log-uniform
DARK = (0.3, 5.0)  # mean light over the deviation of the noise in the dark, log-uniform
LEAST_LIGHT = 0.01  # of white; darker crops are not brightened further


class PairBatches:
    """Endless random batches from noisy and clean patches, cut from a memory map.

    Parameters
    ----------
    noisy, gt : arrays, shape (N, 256, 256), uint16, DN
        Memory maps stay on disk; only the crops are read.
    batch_size : int
    crop : int or None
        Side of the random crops, in pixels, even; None takes whole patches.
    views : bool
        Mirror and transpose at random, keeping the Bayer pattern.
    seed : int
    index_fault : bool
        The published code draws a random index and then ignores it: every batch
        consists of the first `batch_size` patches.  On, that happens here too.

    Attributes
    ----------
    drawn : list of int
        Which pairs the last batch was cut from.

    Yields
    ------
    noisy_01, gt_01 : ndarrays, shape (batch_size, 1, crop, crop), float32, DN / 65536

    Raises
    ------
    ValueError
        If the two differ in shape, or are fewer than the fault needs; for crops that do not fit.
    """

    def __init__(
        self, noisy, gt, batch_size=16, crop=None, views=False, seed=100, index_fault=False
    ):
        crop = noisy.shape[-1] if crop is None else crop
        self.settings = dict(locals())  # all arguments
        del self.settings["self"]
        if noisy.shape != gt.shape:
            raise ValueError(f"found gt of shape {gt.shape}, expected {noisy.shape} as of noisy")
        if len(noisy) < (batch_size if index_fault else 1):
            raise ValueError(f"found {len(noisy)} pairs, too few for batches of {batch_size}")
        check_crop(crop, min(noisy.shape[-2:]), 2)
        self._pairs, self._rng = (noisy, gt), random.Random(seed)

    def __iter__(self):
        return self

    def __next__(self):
        size, count = self.settings["crop"], self.settings["batch_size"]
        batch = np.empty((2, count, 1, size, size), np.float32)
        self.drawn = []
        for i in range(count):
            index = self._rng.randint(0, len(self._pairs[0]) - 1)
            self.drawn.append(i if self.settings["index_fault"] else index)
            place = self._draw_place(size)
            for images, patches in zip(batch, self._pairs):
                images[i, 0] = crop_bayer(patches[self.drawn[-1]], *place)
        noisy_01, gt_01 = batch / np.float32(SCALE)
        return noisy_01, gt_01

    def _draw_place(self, size):
        """Where to cut: top, left, size, view.  Whole patches draw no numbers."""
        view = self._rng.randrange(8) if self.settings["views"] else 0
        height, width = self._pairs[0].shape[-2:]
        # a mirrored axis needs one pixel more; without room for it, it is not mirrored
        view &= ~(1 * (width == size) | 2 * (height == size))
        room_y, room_x = height - size - (view >> 1 & 1), width - size - (view & 1)
        top = 2 * self._rng.randint(0, room_y // 2) if room_y else 0
        left = 2 * self._rng.randint(0, room_x // 2) if room_x else 0
        return top, left, size, view

    def state(self):
        """Where the random sequence stands, as JSON can hold it."""
        return self._rng.getstate()

    def restore(self, state):
        """Go back to a `state`."""
        version, numbers, gauss = state
        self._rng.setstate((version, tuple(numbers), gauss))


class SyntheticBatches:
    """Endless random batches: crops of clean scenes, each with a new sensor's new noise.

    Parameters
    ----------
    scenes : array, shape (N, 256, 256), float32
        Of `rawkit.synth.clean_patches`; a memory map stays on disk.
    batch_size, crop : int
    seed : int
    recipes : sequence of rawkit.synth.Recipe
        Scene i gets a sensor of `recipes[i % len(recipes)]`.
    vary : bool
        Whether sensors deviate from their data sheets, see `vary_sensor`.
    line_error : float
        Relative error given to the noise parameters, as a good estimate has it.
    blind_share : float
        Share of the crops, in 0-1, whose noise parameters are estimated blind instead,
        so that a network learns what to do where texture deceives the estimate.
    with_line : bool
        Whether to give the noise parameters, for networks that take them.

    Yields
    ------
    noisy_01 : ndarray, shape (batch_size, 1, crop, crop), float32, DN / 65536
    line : ndarray, shape (batch_size, 2), float32
        Slope (DN) and intercept (DN**2) of the variance over the mean, with error;
        left out if `with_line` is false.
    gt_01 : as noisy_01
    """

    def __init__(
        self,
        scenes,
        batch_size=16,
        crop=96,
        seed=1,
        recipes=(MIXED,),
        vary=False,
        line_error=0.15,
        blind_share=0.5,
        with_line=True,
    ):
        self.settings = dict(locals())  # all arguments
        del self.settings["self"]
        check_crop(crop, scenes.shape[-1] - 2, 48 if with_line else 2)  # room to be mirrored
        self._scenes, self._step = scenes, 0

    def __iter__(self):
        return self

    def __next__(self):
        count = self.settings["batch_size"]
        rng = np.random.default_rng([self.settings["seed"], self._step])
        self._step += 1
        shots = [self._shoot(rng) for _ in range(count)]
        noisy, gt, lines = (np.array(parts) for parts in zip(*shots))
        noisy_01, gt_01 = (np.float32(x[:, None]) / np.float32(SCALE) for x in (noisy, gt))
        if not self.settings["with_line"]:
            return noisy_01, gt_01
        blind = int(round(self.settings["blind_share"] * count))
        if blind:
            found = np.stack(estimate_blind(noisy[:blind]), axis=1)
            # where no estimate is possible the network is never asked; it learns from the truth
            lines[:blind] = np.where(np.isnan(found), lines[:blind], found)
        return noisy_01, lines.astype(np.float32), gt_01

    def _shoot(self, rng):
        """Take a crop of a scene with a new sensor: noisy, gt, and the line of the noise."""
        index, size = rng.integers(len(self._scenes)), self.settings["crop"]
        scene = self._scenes[index]
        top, left = 2 * rng.integers((np.array(scene.shape) - size) // 2)
        crop = crop_bayer(scene, top, left, size, int(rng.integers(8)))
        recipes, offset = self.settings["recipes"], 0
        sensor = random_sensor(rng, recipes[index % len(recipes)])
        if self.settings["vary"]:
            sensor, offset = vary_sensor(sensor, rng)
        crop = crop * np.float32(_exposure(crop, sensor, rng))
        slope, intercept = _rough_line(sensor, crop, rng, self.settings["line_error"])
        noisy, gt = (frame + np.uint16(offset) for frame in expose(crop, sensor, rng))
        return noisy, gt, (slope, intercept - slope * offset)

    def state(self):
        """Where the random sequence stands, as JSON can hold it."""
        return self._step

    def restore(self, state):
        """Go back to a `state`."""
        self._step = state


def _exposure(crop, sensor, rng):
    """The factor on the light of a crop."""
    kind = rng.random()
    if kind < BRIGHT_SHARE:
        share = np.exp(rng.uniform(*np.log(CLIPPED)))
        return 1 / max(float(np.quantile(crop, 1 - share)), LEAST_LIGHT)
    if kind < BRIGHT_SHARE + DARK_SHARE:
        deviation = float(np.mean(plane_noise(sensor)[1])) ** 0.5
        light = np.exp(rng.uniform(*np.log(DARK))) * deviation
        span = sensor.white_level - sensor.black_level
        return min(light / span / max(float(crop.mean()), LEAST_LIGHT), 1.0)
    return 2 ** rng.standard_normal()


def _rough_line(sensor, crop, rng, error):
    """The variance line, turned and lifted by a relative error as if it had been estimated."""
    slopes, dark = plane_noise(sensor)
    slope, dark = float(np.mean(slopes)), float(np.mean(dark))
    signal = float(np.minimum(crop, 1).mean()) * (sensor.white_level - sensor.black_level)
    turn, lift = np.exp(error * rng.standard_normal(2))
    variance = (slope * signal + dark) * lift
    slope *= turn * lift
    # through the same point at the crop's brightness, but never negative at black
    dark = max(variance - slope * signal, 0.2 * dark)
    return slope, dark - slope * sensor.black_level


def check_crop(crop, most, low=48):
    """Raise ValueError unless the side of crops is even and lies between the two."""
    if crop % 2 or not low <= crop <= most:
        raise ValueError(f"crop: found {crop!r}, expected an even number, {low} to {most}")
