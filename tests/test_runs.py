import pytest

from rawkit.nn.runs import FIELDS, find_run, read_runs, write_runs

RUN = {
    "row": 'a "quoted", row',
    "seed": 2,
    "steps": 3000,
    "crop": 48,
    "pairs": 4096,
    "parameters": 93854,
    "macs": 23463.5,
    "score": 8.125,
    "train_seconds": 181.5,
    "patch_ms": 31.0,
}


def test_runs_survive_the_way_to_disk(tmp_path):
    path = tmp_path / "new" / "runs.csv"
    assert read_runs(path) == []
    write_runs(path, [RUN, dict(RUN, seed=3)])
    assert read_runs(path) == [RUN, dict(RUN, seed=3)]
    assert list(RUN) == list(FIELDS)
    write_runs(path, [RUN, dict(RUN, steps=60), dict(RUN, score=8.2)])
    assert read_runs(path) == [dict(RUN, score=8.2), dict(RUN, steps=60)]


def test_a_run_is_found_by_all_of_its_key():
    later = dict(RUN, score=8.2)
    assert find_run([RUN, later], row=RUN["row"], seed=2) is later
    assert find_run([RUN], row=RUN["row"], seed=1) is None


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("row,seed\na,one\n")
    with pytest.raises(ValueError, match="runs.csv: found .*'one'.*expected a line of row, seed"):
        read_runs(path)
