"""Data from nothing: scenes, optics, sensors, and datasets in the competition's format.

`pipeline` tells the way from a scene to a noisy patch on one screen, `recipes` holds its
numbers, `sources` says which photographs and scenes train, validate and test.
"""

from .datasets import clean_patches, read_parameters, write_dataset
from .pipeline import expose, make_mosaic
from .recipes import MIXED, PRESETS, Recipe, get_recipe
from .sensor import Sensor, plane_noise, random_sensor, vary_sensor
from .sources import PHOTOS, SPLITS, photo_files, scene_rng
