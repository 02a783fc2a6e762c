"""The constants of the blind estimate, in one table."""

from collections import namedtuple

TUNED = namedtuple(
    "Tuned",
    "plane_texture mosaic_texture prior share strong spread robust cut_off rounds agree "
    "pile dark full dead beside nothing least quiet correction limits",
)(
    plane_texture=0.2,
    mosaic_texture=0.1,
    prior=100.0,
    share=(0.02, 0.5),
    strong=2.0,
    spread=0.3,
    robust=1.5,
    cut_off=1.05,
    rounds=6,
    agree=0.3,
    pile=0.02,
    dark=0.03,
    full=0.01,
    dead=0.9,
    beside=0.01,
    nothing=3e-4,
    least=24,
    quiet=0.15,
    correction=(0.020, -0.193, -0.125, 0.015),
    limits=(-1.2, 0.3),
)
