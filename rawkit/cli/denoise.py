"""The command `denoise`: a file of patches, or any number of cameras' raw files."""

import sys
from pathlib import Path


def denoise(args):
    """Denoise what the arguments name; their content decides which kind it is."""
    if args.run_code and not args.weights:
        raise ValueError("--run-code: found no --weights, expected the weights beside that code")
    inputs, out, folder = _sort_paths(args)
    if folder is not None:
        _denoise_many(args, inputs, folder)
    elif is_photo_file(inputs[0]):
        _denoise_photo(args, inputs[0], out)
    else:
        _denoise_patches(args, inputs[0], out)


def _sort_paths(args):
    """The inputs, and where they go: one file OUT, or a folder."""
    *inputs, last = args.paths
    if args.to is not None:
        return args.paths, None, args.to
    if not inputs:
        raise ValueError(f"{last}: found no place for the answer, expected OUT or --to FOLDER")
    to_folder = last.is_dir() or not last.suffix
    if len(inputs) == 1 and not inputs[0].is_dir():
        if not to_folder or not is_photo_file(inputs[0]):
            return inputs, last, None
    if not to_folder:
        raise ValueError(f"{last}: found a file for {len(inputs)} inputs, expected a folder (--to)")
    return inputs, None, last


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
    found = path.is_file() and is_photo(path)
    if path.suffix.lower() in ENDINGS and path.is_file() and not found:
        size = path.stat().st_size
        raise ValueError(f"{path}: found {size} bytes that are no raw photograph, expected one")
    return found


def _denoise_patches(args, noisy, out):
    from ..binio import open_patches
    from ..places import check_output

    if args.strength is not None or args.remove_hot_pixels:
        option = "--remove-hot-pixels" if args.strength is None else "--strength"
        raise ValueError(f"{noisy}: found patches, expected a raw photograph for {option}")
    if out.suffix.lower() == ".dng":
        raise ValueError(f"{noisy}: found no raw photograph, expected one to write {out}")
    patches = open_patches(noisy)  # before MegEngine, which takes seconds to load
    check_output(out, noisy, args.overwrite)
    from .submission import write_submission

    write_submission(_model(args), noisy, out, args.self_ensemble, progress=True)
    print(f"{out}: {len(patches)} patches")


def _photo_options(args):
    """Check and gather what photographs take, before any work."""
    if args.self_ensemble:
        raise ValueError("--self-ensemble: found photographs, expected patches")
    strength = 1.0 if args.strength is None else args.strength
    if not 0 <= strength <= 2:
        raise ValueError(f"--strength: found {strength:g}, expected 0 to 2")
    options = {"remove_hot_pixels": args.remove_hot_pixels, "overwrite": args.overwrite}
    return dict(options, strength=strength)


def _denoise_photo(args, source, out):
    from ..places import check_output

    options = _photo_options(args)
    check_output(out, source, args.overwrite, ending=".dng")
    with _bar(1) as bar:
        _denoise_one(_model(args), source, out, options, bar)


def _model(args):
    from ..nn import SHIPPED, load_model  # MegEngine takes seconds to load

    return load_model(args.weights or SHIPPED, run_code=args.run_code)[0]


def _denoise_one(model, source, out, options, bar):
    from ..photo import denoise_file

    before = bar.n

    def show(done, total):
        bar.n = before + done / total
        bar.refresh()

    photo = denoise_file(source, out, model, progress=show, **options)
    for note in photo.notes:
        bar.write(f"rawkit denoise: {source}: {note}", sys.stderr)
    height, width = photo.mosaic.shape
    bar.write(f"{out}: {width} x {height} pixels")
    sys.stdout.flush()


def _denoise_many(args, inputs, folder):
    """Each file for itself: one that fails is a line, and the others go on."""
    from ..places import check_folder

    options = _photo_options(args)
    sources = [source for path in inputs for source in _photos_of(path)]
    if not sources:
        raise FileNotFoundError(f"{inputs[0]}: found no raw file, expected some")
    check_folder(folder)
    jobs, failed = _jobs(sources, folder, args.overwrite)
    model = _model(args) if jobs else None
    with _bar(len(jobs)) as bar:
        for number, (source, out) in enumerate(jobs, start=1):
            try:
                _denoise_one(model, source, out, options, bar)
            except (ValueError, OSError) as error:
                failed += 1
                bar.write(f"rawkit denoise: {error}", sys.stderr)
            bar.n = number
    if failed:
        raise ValueError(f"{folder}: found {failed} of {len(sources)} files that were not denoised")


def _photos_of(path):
    """A file, or the raw files of a folder in order."""
    from ..photo.reading import ENDINGS

    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())


def _jobs(sources, folder, overwrite):
    """What is left to do: pairs of input and output, and how many cannot be done."""
    from ..photo.metadata import is_denoised, read_metadata

    jobs, failed, taken = [], 0, set()
    for source in sources:
        out = folder / f"{Path(source).stem}_denoised.dng"
        if is_denoised(read_metadata(source)):
            print(f"{source}: skipped, denoised already", file=sys.stderr)
        elif out in taken:
            failed += 1
            print(f"rawkit denoise: {source}: found another file for {out}", file=sys.stderr)
        elif out.exists() and not overwrite:
            print(f"{source}: skipped, {out} is there (--overwrite replaces it)", file=sys.stderr)
        else:
            jobs.append((source, out))
        taken.add(out)
    return jobs, failed


def _bar(files):
    """One bar over all files; where stderr is no terminal, there is none."""
    from tqdm import tqdm

    form = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}]"
    return tqdm(total=files, unit="photo", disable=None, bar_format=form)
