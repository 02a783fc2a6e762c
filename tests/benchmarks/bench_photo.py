"""Measure photographs: time and memory of a whole frame, errors of its noise line.  By hand:

python tests/benchmarks/bench_photo.py [frame] [noise] [peers]
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from synthetic_photo import make_synthetic

from rawkit import pack_bayer, unpack_bayer
from rawkit.noise import line_variance
from rawkit.photo import active_view, denoise_photo, read_photo, write_dng
from rawkit.photo.measuring import estimate_frame
from rawkit.places import ROOT
from rawkit.synth import MIXED, expose, photo_files, plane_noise, random_sensor, scene_rng
from rawkit.synth.optics import blur, camera_colors, to_mosaic
from rawkit.synth.photographs import photo_scene, usable_photographs
from rawkit.synth.procedural import procedural_scene

RUN = """
import resource, sys, time
began = time.perf_counter()
from rawkit.cli.main import main
status = main(["denoise"] + sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
numbers = time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(status, "%.1f %.1f %.0f" % numbers)
"""


def frame(height=4000, width=6000):
    """The command on a frame of 24 megapixels, in a process of its own."""
    import subprocess

    sample = read_photo(ROOT / "data" / "photo" / "sample.dng")
    tile = active_view(sample)
    repeats = [-(-n // m) for n, m in zip((height, width), tile.shape)]
    mosaic = np.tile(tile, repeats)[:height, :width].copy()
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.dng", Path(folder) / "out.dng"
        big = sample._replace(
            mosaic=mosaic,
            active=(0, 0, height, width),
            black_deltas=(np.zeros(height), np.zeros(width)),
        )
        write_dng(source, big)
        found = subprocess.check_output(
            [sys.executable, "-c", RUN, str(source), str(out)], cwd=str(ROOT)
        )
    print(
        "%d x %d, start to end: status %s, %s s (%s s of all cores), %s MiB resident at most"
        % ((width, height) + tuple(found.decode().split()[-4:]))
    )


def _scene(rng, photos, side):
    """A textured scene as large as a small frame."""
    if rng.random() < 0.5:
        light = photo_scene(rng, photos, side, (0.5, 2.5))
    else:
        light = procedural_scene(rng, side)
    light = camera_colors(rng, blur(light, float(np.exp(rng.uniform(*np.log(MIXED.blur))))))
    mosaic = to_mosaic(light, *rng.uniform(1, 1.8, 2))
    median, deviation = MIXED.brightness
    brightness = min(median * np.exp(deviation * rng.standard_normal()), 0.7)
    return mosaic * np.float32(brightness / mosaic.mean())


def noise(number=80, side=1536):
    """Relative error of the frame's noise at the 10, 50 and 90 % quantile of brightness."""
    photos, rows = usable_photographs(photo_files("test"), side // 4), []
    for i in range(number):
        rng = scene_rng("test", 21, i)
        sensor = random_sensor(rng)
        noisy, gt = expose(_scene(rng, photos, side), sensor, rng)
        slopes, dark = (x.mean() for x in plane_noise(sensor))
        levels = np.quantile(gt, [0.1, 0.5, 0.9])
        found = line_variance(estimate_frame(noisy.astype(np.float32)), levels[None])[0]
        rows.append(np.sqrt(found / (slopes * (levels - sensor.black_level) + dark)) - 1)
    for name, errors in zip(("dark", "median", "bright"), np.abs(rows).T):
        quantiles = np.quantile(errors, [0.5, 0.9, 1])
        print(
            "noise, %-6s median %.1f %%, 90 %%: %.1f %%, worst %.1f %%"
            % ((name,) + tuple(100 * quantiles))
        )


def _non_local_means(rggb, line):
    """scikit-image's non-local means on stabilized planes, with the same noise line."""
    from skimage.restoration import denoise_nl_means

    from rawkit.noise import gat, inverse_gat

    line = [float(np.mean(x)) for x in line]
    planes = gat(pack_bayer(rggb), *line)
    options = {"h": 0.8, "sigma": 1.0, "fast_mode": True, "patch_size": 5, "patch_distance": 6}
    clean = np.stack([denoise_nl_means(plane, **options) for plane in planes])
    return unpack_bayer(inverse_gat(clean, *line))


def peers():
    """Time and error on the sample, beside non-local means."""
    from rawkit.nn import SHIPPED, load_model
    from rawkit.photo import find_clip, from_rggb, measure_photo

    photo, gt = make_synthetic()
    model, _ = load_model(SHIPPED)
    denoise_photo(photo, model)  # the first time sets things up
    rows = [("untouched", 0.0, photo)]
    began = time.perf_counter()
    rows.append(("rawkit", None, denoise_photo(photo, model)))
    rows[-1] = ("rawkit", time.perf_counter() - began, rows[-1][2])
    began = time.perf_counter()
    rggb, noise = measure_photo(photo)
    by_peer = from_rggb(photo, _non_local_means(rggb, noise.line), find_clip(photo))
    rows.append(("non-local means", time.perf_counter() - began, by_peer))
    for name, seconds, result in rows:
        error = np.sqrt(np.mean((active_view(result) - gt) ** 2))
        print(
            "%-16s %5.2f s a megapixel, error %.1f codes" % (name, seconds / gt.size * 1e6, error)
        )


if __name__ == "__main__":
    for part in sys.argv[1:] or ["frame", "noise", "peers"]:
        {"frame": frame, "noise": noise, "peers": peers}[part]()
