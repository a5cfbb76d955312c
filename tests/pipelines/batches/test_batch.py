"""Batches: each picture is looked at once, a run is whole or not there, and what was seen is what the library sees."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import overfeat
from overfeat.errors import CheckpointError, OverFeatError, SettingsError
from overfeat.places import Place
from pipelines.batches import batch as batches
from pipelines.batches.batch import Batch
from pipelines.engine.runner import work_unit

Look = Callable[..., dict[str, Any] | None]
Begin = Callable[..., Batch | None]
KINDS = ("classifications", "localizations", "detections", "processed")


def pictures_of(run: str) -> pd.DataFrame:
    return pd.read_parquet(Path("runs") / run / "pictures").set_index("path")


def rows(run: str | None, kind: str) -> pd.DataFrame:
    read = getattr(overfeat, f"read_{kind}")
    frame: pd.DataFrame = read("runs", run=run).drop(columns="run")
    return frame.sort_values([c for c in ("image_id", "task", "rank", "score") if c in frame], ignore_index=True)


def test_a_second_call_does_nothing_and_new_pictures_alone_are_looked_at(root: Path, look: Look, picture: Any) -> None:
    first = look()
    assert first is not None
    assert (first["pictures"], first["worked"], first["units"]) == (6, 6, 2)
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    assert look() is None
    for number in range(10, 13):
        (root / f"inbox/new-{number}.png").write_bytes(picture(number))
    second = look()
    assert second is not None
    assert (second["pictures"], second["worked"]) == (3, 3)
    assert second["run"] != first["run"]
    assert set(pictures_of(second["run"]).index) == {f"inbox/new-{number}.png" for number in range(10, 13)}
    assert all(path.read_bytes() == content for path, content in before.items())
    assert len(overfeat.read_processed("runs")) == 18  # both tasks
    assert not (root / ".work/detect_batch" / "batch.json").exists()


def test_the_same_bytes_at_another_path_are_named_and_not_looked_at_again(root: Path, look: Look) -> None:
    first = look()
    assert first is not None
    shutil.copy("inbox/00002.png", "inbox/twin.png")
    again = look()
    assert again is not None
    assert (again["pictures"], again["worked"]) == (1, 0)
    twin, original = pictures_of(again["run"]).loc["inbox/twin.png"], pictures_of(first["run"]).loc["inbox/00002.png"]
    assert (twin["image_id"], twin["width"], twin["height"]) == (original["image_id"], 62, 54)
    shutil.copy("inbox/00003.png", "inbox/twin.png")  # other bytes at a known path
    third = look()
    assert third is not None
    assert pictures_of(third["run"]).loc["inbox/twin.png", "image_id"] != twin["image_id"]


def test_two_copies_in_one_call_are_looked_at_once(root: Path, look: Look) -> None:
    shutil.copytree("inbox", "inbox/again")
    facts = look()
    assert facts is not None
    assert (facts["pictures"], facts["worked"]) == (12, 6)
    assert pictures_of(facts["run"])["width"].notna().all()


def test_settings_and_weights_make_another_run_and_speed_does_not(
    root: Path, look: Look, make_checkpoints: Callable[[Path, int], None]
) -> None:
    first = look()
    assert look("inbox", "infer.unit_images=2", "infer.batch_windows=99") is None
    other = look("inbox", "merge.detection_min_score=0.6")
    assert first is not None
    assert other is not None
    assert other["recipe"] != first["recipe"]
    make_checkpoints(root / "data/checkpoints", 77)
    third = look()
    assert third is not None
    assert third["recipe"] not in (first["recipe"], other["recipe"])
    assert (
        rows(third["run"], "classifications")["score"].tolist()
        != rows(first["run"], "classifications")["score"].tolist()
    )


def test_shards_of_any_size_give_the_same_rows(look: Look) -> None:
    one, other = look(), look("inbox", "infer.unit_images=1", out="others")
    assert one is not None
    assert other is not None
    shutil.move(f"others/{other['run']}", f"runs/{other['run']}")
    for kind in KINDS:
        pd.testing.assert_frame_equal(rows(one["run"], kind), rows(other["run"], kind))


def test_members_name_windows_of_the_evidence(look: Look) -> None:
    facts = look()
    assert facts is not None
    windows = overfeat.read_windows("runs")
    assert not windows.duplicated(["image_id", "window"]).any()
    for kind in ("localizations", "detections"):
        assert len(rows(None, kind)) > 10
        for row in rows(None, kind).head(20).itertuples():
            of_picture = windows[windows["image_id"] == row.image_id]
            members = of_picture[of_picture["window"].isin(row.members)]
            assert len(members) == len(row.members) > 0
            assert set(members["scale"]) == set(row.scales)
            # the box is their mean: it lies within what they saw
            assert members["box_x1"].min() - 1e-3 <= row.x1 <= members["box_x1"].max() + 1e-3
    assert rows(None, "detections")["confidence"].between(0, 1).all()


def test_without_evidence_the_decisions_are_the_same(look: Look) -> None:
    look()
    with_it = {kind: rows(None, kind) for kind in KINDS}
    shutil.rmtree("runs")
    facts = look(evidence=False)
    assert facts is not None
    assert not (Path("runs") / facts["run"] / "windows").exists()
    for kind in KINDS:
        pd.testing.assert_frame_equal(with_it[kind], rows(None, kind))


def test_what_cannot_be_read_is_said_in_the_run_and_not_tried_again(root: Path, look: Look, picture: Any) -> None:
    (root / "inbox/empty.jpg").write_bytes(b"")
    (root / "inbox/cut.png").write_bytes(picture(1)[:-60])
    (root / "inbox/text.jpg").write_bytes(b"no picture at all")
    (root / "inbox/notes.txt").write_text("not looked at")
    facts = look()
    assert facts is not None
    assert (facts["pictures"], facts["worked"], facts["unreadable"]) == (9, 9, 3)
    reasons = pictures_of(facts["run"])["reason"].dropna()
    assert reasons["inbox/empty.jpg"].startswith("empty")
    assert reasons["inbox/text.jpg"].startswith("undecodable")
    assert set(reasons.index) == {"inbox/empty.jpg", "inbox/cut.png", "inbox/text.jpg"}
    assert look() is None


def test_a_batch_of_nothing_but_rubbish_is_a_run_without_rows(root: Path, look: Look) -> None:
    (root / "bad").mkdir()
    (root / "bad/a.jpg").write_bytes(b"rubbish")
    facts = look("bad")
    assert facts is not None
    assert facts["unreadable"] == 1
    assert overfeat.read_detections("runs").empty


def test_a_picture_is_seen_upright(root: Path, look: Look, picture: Any) -> None:
    """A JPEG that is to be turned is as large as it looks, and its rows are those of the turned picture."""
    import io

    from PIL import Image, ImageOps

    (root / "phone").mkdir()
    data = picture(3, (60, 44), "JPEG", 6)
    (root / "phone/turned.jpg").write_bytes(data)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    turned.save(root / "phone/upright.png")
    facts = look("phone")
    assert facts is not None
    table = pictures_of(facts["run"])
    assert (table["width"] == 44).all()
    assert (table["height"] == 60).all()
    found = rows(facts["run"], "localizations")
    one, other = (
        found[found["image_id"] == table.loc[f"phone/{name}", "image_id"]] for name in ("turned.jpg", "upright.png")
    )
    np.testing.assert_array_equal(one[["score", "x1", "y2"]], other[["score", "x1", "y2"]])


def test_pictures_changed_or_gone_meanwhile_are_left_for_the_next_call(
    root: Path, begin: Begin, look: Look, picture: Any
) -> None:
    batch = begin()
    assert batch is not None
    (root / "inbox/00001.png").write_bytes(picture(99))
    (root / "inbox/00004.png").unlink()
    for unit in batch.plan.units:
        work_unit(root, batch.plan, unit)
    facts = batches.finish(batch)
    assert set(pictures_of(facts["run"]).index) == {f"inbox/{n:05d}.png" for n in (0, 2, 3, 5)}
    again = look()
    assert again is not None
    assert set(pictures_of(again["run"]).index) == {"inbox/00001.png"}


def test_a_killed_call_goes_on_and_another_one_publishes_what_was_done(root: Path, begin: Begin, look: Look) -> None:
    undisturbed = look(out="undisturbed")
    batch = begin()
    assert batch is not None
    assert undisturbed is not None
    work_unit(root, batch.plan, batch.plan.units[1])  # then killed
    again = begin()
    assert again is not None
    assert again.plan == batch.plan
    assert again.workspace.missing(again.plan) == [again.plan.units[0]]
    assert list(batches.unfinished(root, "runs", again.plan.key)) == []

    other = begin("inbox/0000[0-4].png")
    assert other is not None
    left = list(batches.unfinished(root, "runs", other.plan.key))
    assert [each.plan.key for each in left] == [batch.plan.key]
    facts = batches.finish(left[0])
    assert (facts["pictures"], facts["worked"]) == (2, 2)
    rest = look()
    assert rest is not None
    assert rest["pictures"] == 4
    for kind in KINDS:
        both = pd.concat([rows(facts["run"], kind), rows(rest["run"], kind)])
        whole = getattr(overfeat, f"read_{kind}")("undisturbed").drop(columns="run")
        assert sorted(map(str, both.to_dict("records"))) == sorted(map(str, whole.to_dict("records")))


def test_a_run_killed_while_it_is_published_is_whole_after_the_next_call(root: Path, begin: Begin) -> None:
    batch = begin()
    assert batch is not None
    for unit in batch.plan.units:
        work_unit(root, batch.plan, unit)
    run = str(batch.facts["run"])
    (root / f"runs/.{run}.aside/detections").mkdir(parents=True)
    (root / f"runs/.{run}.aside/detections/half.parquet").write_bytes(b"PAR1")
    copied = shutil.copytree(batch.workspace.folder, root / "saved")
    assert batches.finish(batch)["pictures"] == 6
    assert not list((root / "runs").glob(".*"))
    saved = (root / f"runs/{run}/run.json").read_bytes()
    shutil.move(copied, batch.workspace.folder)  # killed after the run was in its place
    assert batches.finish(batch)["pictures"] == 6
    assert (root / f"runs/{run}/run.json").read_bytes() == saved
    assert list(batches.unfinished(root, "runs", None)) == []


def test_checkpoints_may_be_replaced_while_a_batch_is_at_work(
    root: Path, begin: Begin, look: Look, make_checkpoints: Callable[[Path, int], None]
) -> None:
    whole = look(out="undisturbed")
    batch = begin()
    assert batch is not None
    assert whole is not None
    shutil.rmtree("data/checkpoints")
    make_checkpoints(root / "data/checkpoints", 78)
    for unit in batch.plan.units:
        work_unit(root, batch.plan, unit)
    facts = batches.finish(batch)
    read = overfeat.read_classifications
    pd.testing.assert_frame_equal(read("undisturbed").drop(columns="run"), read("runs").drop(columns="run"))
    assert facts["recipe"] == whole["recipe"]


def test_run_json_says_what_made_it(look: Look) -> None:
    facts = look("inbox", "merge.top_k=6")
    assert facts is not None
    said = json.loads((Path("runs") / facts["run"] / "run.json").read_text())
    assert said == facts
    assert said["settings"]["merge"]["top_k"] == 6


@pytest.mark.parametrize(
    ("pictures", "overrides", "error", "message"),
    [
        ("nowhere", [], OverFeatError, "nowhere is not there"),
        ("", [], OverFeatError, "empty text"),
        ("params.yaml", [], OverFeatError, "params.yaml is no picture"),
        ("list.parquet", [], OverFeatError, "no column 'path'"),
        ("inbox", ["merge.treshold=1"], SettingsError, "did you mean 'merge.threshold'"),
        ("inbox", ["merge.threshold=-1"], SettingsError, "merge.threshold must be from 0"),
        ("inbox", ["sample.seed=1"], SettingsError, "is no setting of a batch"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    begin: Begin, pictures: str, overrides: list[str], error: type[Exception], message: str
) -> None:
    pd.DataFrame({"file": ["a.png"]}).to_parquet("list.parquet")
    with pytest.raises(error, match=message):
        begin(pictures, *overrides)
    assert not Path("runs").exists()


def test_no_model_is_a_sentence(root: Path, begin: Begin) -> None:
    shutil.rmtree("data/checkpoints")
    with pytest.raises(CheckpointError, match="run the training stage"):
        begin()


def test_an_empty_folder_is_nothing_to_do(root: Path, look: Look) -> None:
    (root / "later").mkdir()
    assert look("later") is None


def test_pictures_are_named_in_many_ways(root: Path, begin: Begin) -> None:
    pd.DataFrame({"path": ["inbox/00000.png", str(root / "inbox/00001.png")]}).to_parquet("list.parquet")
    batch = begin(["list.parquet", "inbox/0000[12].png", "inbox/00005.png", "inbox/00005.png"])
    assert batch is not None
    assert batch.pictures["path"].tolist() == [f"inbox/{number:05d}.png" for number in (0, 1, 2, 5)]


@pytest.mark.slow
def test_pictures_and_runs_in_a_bucket(root: Path, look: Look, bucket: str) -> None:
    """The rows are those of a local folder; a second call reads no picture; a changed one is found by its time."""
    whole = look(out="runs")
    there = Place.of(f"s3://{bucket}/inbox")
    for file in sorted(Path("inbox").iterdir()):
        (there / file.name).write_bytes(file.read_bytes())
    out = f"s3://{bucket}/runs"
    facts = look(str(there), out=out)
    assert whole is not None
    assert facts is not None
    for kind in KINDS:
        here, far = (getattr(overfeat, f"read_{kind}")(place).drop(columns="run") for place in ("runs", out))
        pd.testing.assert_frame_equal(here, far)
    assert len(overfeat.read_windows(out)) == len(overfeat.read_windows("runs"))
    assert overfeat.read_pictures(out)["path"].tolist() == [f"{there}/{number:05d}.png" for number in range(6)]
    assert look(str(there), out=out) is None
    assert look(f"{there}/0000[1-3].png", out=out) is None
    (there / "00003.png").write_bytes(Path("inbox/00004.png").read_bytes() + b"more")
    again = look(str(there), out=out)
    assert again is not None
    assert (again["pictures"], again["worked"]) == (1, 1)


@pytest.mark.slow
def test_a_run_that_was_put_into_a_bucket_by_half_does_not_count(root: Path, begin: Begin, bucket: str) -> None:
    out = f"s3://{bucket}/runs"
    batch = begin(out=out)
    assert batch is not None
    for unit in batch.plan.units:
        work_unit(root, batch.plan, unit)
    run = str(batch.facts["run"])
    part = batch.workspace.done(batch.plan.units[0]) / "detections/00000.parquet"
    (Place.of(out) / run / "detections/00000.parquet").write_bytes(part.read_bytes())  # then killed
    with pytest.raises(OverFeatError, match="no results"):
        overfeat.read_detections(out)
    assert begin(out=out) == batch
    assert batches.finish(batch)["pictures"] == 6
    assert len(overfeat.read_processed(out)) == 12
    assert begin(out=out) is None
