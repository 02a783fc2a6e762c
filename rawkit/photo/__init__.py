"""Your own photograph: a camera's raw file in, a denoised DNG out."""
