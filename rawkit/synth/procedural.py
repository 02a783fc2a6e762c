"""Clean linear scenes from random numbers: dead leaves with textures and print.

A scene is linear light, float32 (H, W, 3), about 0-1, before optics and sensor.

References
----------
Lee, Mumford, Huang: "Occlusion models for natural images: a statistical study of
a scale-invariant dead leaves model", Int. J. Computer Vision 2001.
Achddou, Gousseau, Ladjal: "Synthetic images as a regularity prior for image
restoration neural networks", SSVM 2021.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .recipes import log_uniform


def random_color(rng):
    """A reflectance: mostly muted colors, from nearly black to white."""
    value = log_uniform(rng, 0.02, 1)
    tint = rng.dirichlet(np.full(3, rng.choice([2.0, 8.0, 60.0])))
    return (value * tint / tint.max()).astype(np.float32)


def fractal_noise(rng, size, slope):
    """Noise whose amplitude falls with frequency**-slope; mean 0, deviation 1."""
    fy = np.fft.fftfreq(size)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(size)[None].astype(np.float32)
    frequency = np.sqrt(fx * fx + fy * fy)
    frequency[0, 0] = 1
    spectrum = rng.standard_normal((2,) + frequency.shape, np.float32)
    spectrum = (spectrum[0] + 1j * spectrum[1]) * frequency ** np.float32(-slope)
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32)
    return noise / noise.std()


def _pattern(rng, y, x, clouds):
    """A texture in 0-1 over the coordinates y (h, 1) and x (1, w), or None for flat."""
    kind = rng.choice(6, p=[0.3, 0.2, 0.15, 0.12, 0.13, 0.1])
    angle = rng.uniform(0, np.pi)
    u = np.cos(angle) * x + np.sin(angle) * y
    if kind == 0:
        return None
    if kind == 1:  # a gradient
        return 0.5 + u / (2 * np.abs(u).max() + 1)
    if kind == 2:  # clouds or grain
        cloud = clouds[rng.integers(len(clouds))]
        h, w = u.shape
        top, left = rng.integers(0, len(cloud) - h + 1), rng.integers(0, len(cloud) - w + 1)
        return np.clip(0.5 + 0.25 * cloud[top : top + h, left : left + w], 0, 1)
    period = log_uniform(rng, 3, 40)
    wave = np.sin(u * (2 * np.pi / period) + rng.uniform(0, 6))
    if kind == 3:  # soft stripes
        return 0.5 + 0.5 * wave
    if kind == 5:  # checks
        v = np.cos(angle) * y - np.sin(angle) * x
        wave = wave * np.sin(v * (2 * np.pi / period))
    return np.clip(0.5 + wave * rng.uniform(1, 4), 0, 1)  # stripes or checks with edges


def _leaf(rng, canvas, radius, clouds):
    """Draw one leaf over the canvas: a disc, ellipse, rectangle, bar or polygon."""
    size = canvas.shape[0]
    cy, cx = rng.uniform(-0.3 * radius, size + 0.3 * radius, 2)
    edge = rng.choice([0.5, 1.0, 3.0]) * np.exp(rng.uniform(-0.3, 0.3))
    reach = radius + 2 * edge
    top, left = max(int(cy - reach), 0), max(int(cx - reach), 0)
    bottom, right = min(int(cy + reach) + 2, size), min(int(cx + reach) + 2, size)
    if bottom - top < 1 or right - left < 1:
        return
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(cy)
    x = np.arange(left, right, dtype=np.float32)[None] - np.float32(cx)
    angle = rng.uniform(0, np.pi)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = c * x + s * y, c * y - s * x
    narrow = np.float32(log_uniform(rng, 0.04 if rng.random() < 0.3 else 0.3, 1))
    kind = rng.integers(4)
    if kind == 0:
        inside = radius - np.sqrt(u * u + v * v)
    elif kind == 1:
        inside = (radius - np.sqrt(u * u + (v / narrow) ** 2)) * narrow
    elif kind == 2:
        inside = np.minimum(0.8 * radius - np.abs(u), 0.6 * radius * narrow - np.abs(v))
    else:
        inside = radius - np.abs(u)
        for turn in rng.uniform(0, 2 * np.pi, rng.integers(3, 7)):
            c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            inside = np.minimum(inside, 0.6 * radius - c * u - s * v)
    alpha = np.clip(0.5 + inside / np.float32(edge), 0, 1)[..., None]
    color = random_color(rng)
    if rng.random() < 0.25:  # round like a can or a ball: darker to one side
        color = color * (0.7 + (0.3 / radius) * u)[..., None]
    pattern = _pattern(rng, y, x, clouds)
    if pattern is not None:
        other = random_color(rng) if rng.random() < 0.4 else color * rng.uniform(0.4, 1.3)
        color = color + pattern[..., None].astype(np.float32) * (other - color).astype(np.float32)
    view = canvas[top:bottom, left:right]
    view += alpha * (color - view)


@functools.lru_cache(maxsize=32)
def _font(size):
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1: one small bitmap font
        return ImageFont.load_default()


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?&%#@+-()"


def _print_mask(rng, size):
    """Lines of print, Latin letters or made-up signs of strokes; (size, size) in 0-1."""
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    height = int(log_uniform(rng, 7, 48))
    signs = rng.random() < 0.4
    y = int(rng.integers(-height, height))
    bottom = size if rng.random() < 0.6 else int(rng.integers(height, size))
    left = int(rng.integers(-height, size // 2))
    while y < bottom:
        if signs:
            for x in range(left, size, int(height * 1.1) + 1):
                for _ in range(rng.integers(4, 9)):
                    a, b = rng.uniform(0.05, 0.95, 2) * height
                    length = rng.uniform(0.2, 0.9) * height
                    end = [(0, length), (length, 0), (length / 2, length / 2)][rng.integers(3)]
                    line = [x + a, y + b, min(x + a + end[0], x + height), y + b + end[1]]
                    draw.line(line, fill=255, width=max(height // 12, 1))
        else:
            text = "".join(rng.choice(list(LETTERS + "   "), 2 * size // height + 2))
            draw.text((left, y), text, fill=255, font=_font(height))
        y += int(height * 1.35)
    angle = rng.normal(0, 4) if rng.random() < 0.7 else rng.uniform(0, 360)
    mask = mask.rotate(angle, Image.BILINEAR)
    return np.asarray(mask, np.float32)[..., None] / 255


def procedural_scene(rng, size):
    """Dead leaves with textures, soft and sharp edges, gradients, lines and print.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int, pixels

    Returns
    -------
    ndarray, shape (size, size, 3), float32, linear light in 0-1
    """
    clouds = [fractal_noise(rng, size, slope) for slope in rng.uniform(0.4, 1.8, 2)]
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = 1 + rng.uniform(-0.4, 0.4) * ramp[:, None] + rng.uniform(-0.4, 0.4) * ramp
    canvas = np.full((size, size, 3), random_color(rng))
    largest, smallest = size * rng.uniform(0.15, 0.9), rng.uniform(2, 12)
    number = int(log_uniform(rng, 6, 160))
    # radii with density r**-power; 3 looks alike at every scale, less means larger things
    power = 1 - rng.choice([1.2, 2.0, 3.0])
    ends = smallest**power, largest**power
    radii = (ends[0] + rng.random(number) * (ends[1] - ends[0])) ** (1 / power)
    if rng.random() < 0.5:
        radii = np.sort(radii)[::-1]  # large ones behind: small things stay visible
    for radius in radii:
        _leaf(rng, canvas, radius, clouds)
    if rng.random() < 0.35:
        canvas += _print_mask(rng, size) * (random_color(rng) - canvas)
    return canvas * light[..., None]
