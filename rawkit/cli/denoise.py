"""The command `denoise`: a file of patches, or any number of cameras' raw files."""

import sys

from ..places import check_folder, check_output


def denoise(args):
    """Denoise what the arguments name; their content decides which kind it is."""
    if args.run_code and not args.weights:
        raise ValueError("--run-code: found no --weights, expected the weights beside that code")
    if not 0 <= args.strength <= 2:
        raise ValueError(f"--strength: found {args.strength:g}, expected 0 to 2")
    inputs, out = args.paths, args.to
    if out is None:
        *inputs, out = args.paths
        if not inputs:
            raise ValueError(f"{out}: found no place for the answer, expected OUT or --to FOLDER")
    one_file = len(inputs) == 1 and not inputs[0].is_dir()
    if one_file and args.to is None and not is_photo_file(inputs[0]):
        _denoise_patches(args, inputs[0], out)
    elif args.self_ensemble:
        raise ValueError("--self-ensemble: found photographs, expected patches")
    elif args.to is not None or out.is_dir() or not out.suffix:
        _denoise_many(args, inputs, out)
    elif one_file:
        check_output(out, inputs[0], args.overwrite, ending=".dng")
        with _bar(1) as bar:
            _denoise_one(args, _model(args), inputs[0], out, bar)
    else:
        raise ValueError(f"{out}: found a file for {len(inputs)} inputs, expected a folder (--to)")


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
    if path.is_dir():
        return False
    found = is_photo(path)
    if path.suffix.lower() in ENDINGS and not found:
        size = path.stat().st_size
        raise ValueError(f"{path}: found {size} bytes that are no raw photograph, expected one")
    return found


def _denoise_patches(args, noisy, out):
    from ..binio import open_patches

    if args.strength != 1 or args.remove_hot_pixels:
        option = "--remove-hot-pixels" if args.strength == 1 else "--strength"
        raise ValueError(f"{noisy}: found patches, expected a raw photograph for {option}")
    if out.suffix.lower() == ".dng":
        raise ValueError(f"{noisy}: found no raw photograph, expected one to write {out}")
    patches = open_patches(noisy)  # before MegEngine, which takes seconds to load
    check_output(out, noisy, args.overwrite)
    from .submission import write_submission

    write_submission(_model(args), noisy, out, args.self_ensemble, progress=True)
    print(f"{out}: {len(patches)} patches")


def _model(args):
    from ..nn import SHIPPED, load_model  # MegEngine takes seconds to load

    return load_model(args.weights or SHIPPED, run_code=args.run_code)[0]


def _denoise_one(args, model, source, out, bar):
    from ..photo import denoise_file

    before = bar.n

    def show(done, total):
        bar.n = before + done / total
        bar.refresh()

    names = "strength", "remove_hot_pixels", "overwrite"
    options = {name: getattr(args, name) for name in names}
    photo = denoise_file(source, out, model, progress=show, **options)
    for note in photo.notes:
        bar.write(f"rawkit denoise: {source}: {note}", sys.stderr)
    height, width = photo.mosaic.shape
    bar.write(f"{out}: {width} x {height} pixels")
    sys.stdout.flush()


def _denoise_many(args, inputs, folder):
    """Each file for itself: one that fails is a line, and the others go on."""
    from ..photo.metadata import is_denoised, read_metadata

    sources = [source for path in inputs for source in _photos_of(path)]
    if not sources:
        raise FileNotFoundError(f"{inputs[0]}: found no raw file, expected some")
    check_folder(folder)
    model, taken, failed = None, set(), 0
    with _bar(len(sources)) as bar:
        for number, source in enumerate(sources, start=1):
            out = folder / f"{source.stem}_denoised.dng"
            try:
                if is_denoised(read_metadata(source)):
                    bar.write(f"{source}: skipped, denoised already", sys.stderr)
                elif out in taken:
                    raise ValueError(f"{source}: found another file for {out}")
                elif out.exists() and not args.overwrite:
                    there = f"{out} is there (--overwrite replaces it)"
                    bar.write(f"{source}: skipped, {there}", sys.stderr)
                else:
                    model = model or _model(args)
                    _denoise_one(args, model, source, out, bar)
            except (ValueError, OSError) as error:
                failed += 1
                bar.write(f"rawkit denoise: {error}", sys.stderr)
            taken.add(out)
            bar.n = number
    if failed:
        raise ValueError(f"{folder}: found {failed} of {len(sources)} files that were not denoised")


def _photos_of(path):
    """A file, or the raw files of a folder in order."""
    from ..photo.reading import ENDINGS

    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())


def _bar(files):
    """One bar over all files; where stderr is no terminal, there is none."""
    from tqdm import tqdm

    form = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}]"
    return tqdm(total=files, unit="photo", disable=None, bar_format=form)
