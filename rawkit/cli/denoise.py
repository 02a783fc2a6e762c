"""The command `denoise`: a file of patches, or a camera's raw file."""


def denoise(args):
    """Denoise what the arguments name; `IN` decides by its content which kind it is."""
    if args.run_code and not args.weights:
        raise ValueError("--run-code: found no --weights, expected the weights beside that code")
    if is_photo_file(args.noisy):
        _denoise_photo(args)
    else:
        _denoise_patches(args)


def is_photo_file(path):
    """Find out whether a path holds a photograph; anything else counts as patches.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool

    Raises
    ------
    FileNotFoundError
        If there is nothing.
    ValueError
        If the ending promises a raw file and the content is another.
    """
    from ..photo.reading import ENDINGS, is_photo

    if not path.exists():
        raise FileNotFoundError(f"{path}: found no file, expected patches or a raw photograph")
    if not path.is_file():
        return False
    if path.suffix.lower() in ENDINGS and not is_photo(path):
        size = path.stat().st_size
        raise ValueError(
            f"{path}: found {size} bytes that are no raw photograph, expected one, as the ending "
            "says"
        )
    return is_photo(path)


def _denoise_patches(args):
    from ..binio import open_patches
    from ..places import check_output

    if args.strength is not None or args.remove_hot_pixels:
        raise ValueError(
            f"{args.noisy}: found a file of patches, expected a raw photograph for --strength and "
            "--remove-hot-pixels"
        )
    if args.noisy.is_dir():
        raise ValueError(f"{args.noisy}: found a folder, expected a file of patches or a raw file")
    if args.out.suffix.lower() == ".dng":
        raise ValueError(
            f"{args.noisy}: found no raw photograph, expected one to write {args.out}; the answer "
            "to patches is a .bin file"
        )
    patches = open_patches(args.noisy)  # before MegEngine, which takes seconds to load
    check_output(args.out, args.noisy, args.overwrite)
    from ..nn import SHIPPED, load_model
    from .submission import write_submission

    model, _ = load_model(args.weights or SHIPPED, run_code=args.run_code)
    write_submission(model, args.noisy, args.out, args.self_ensemble, progress=True)
    print(f"{args.out}: {len(patches)} patches")


def _denoise_photo(args):
    from ..photo import denoise_file

    if args.self_ensemble:
        raise ValueError(f"{args.noisy}: found a photograph, --self-ensemble is for patches")
    if args.overwrite:
        raise ValueError(
            f"{args.noisy}: found a photograph, --overwrite is for patches: choose another name "
            f"than {args.out}"
        )
    strength = 1.0 if args.strength is None else args.strength
    photo = denoise_file(
        args.noisy, args.out, args.weights, strength, args.remove_hot_pixels, args.run_code
    )
    height, width = photo.mosaic.shape
    lost = f"; not kept: {', '.join(photo.notes)}" if photo.notes else ""
    print(f"{args.out}: {width} x {height} pixels{lost}")
