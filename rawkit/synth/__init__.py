"""Data from nothing: scenes, optics, sensors, and datasets in the competition's format.

`pipeline` shows the way from a scene to a noisy patch on one screen, `recipes` holds its
numbers, `sources` says which photographs and scenes train, validate and test.
"""

from .datasets import read_parameters, write_dataset
from .patches import clean_patches
from .pipeline import expose, make_mosaic
from .recipes import MIXED, PRESETS, Recipe, get_recipe
from .sensor import Sensor, plane_noise, random_sensor, vary_sensor
from .sources import PHOTOS, SPLITS, photo_files, scene_rng
