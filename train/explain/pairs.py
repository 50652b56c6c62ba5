"""The leading confused pairs of diagnoses, and cases of each with two explanations side by side.

After Mishra et al. 2019, who looked into what their networks mix up with Grad-CAM and guided
back-propagation. The report carries what is known against the second: see `pairs_report.CAVEAT`.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import confusion_matrix
from torch import Tensor
from torch.nn import functional as F

from skin_app.diagnoses import CODES
from skin_app.ensemble import input_square
from skin_app.hardware import best_device
from skin_app.heatmap import class_maps, on_shared_scale
from skin_app.network import Member
from skin_app.output import replace_file
from skin_app.photo.read import read_photo
from train.engine.predict import load_fold_member
from train.engine.priors import log_prior_shift
from train.engine.run import Run, RunError
from train.explain.guided import guided_gradient, likeness, randomised, strength
from train.explain.pairs_report import Explained, pairs_report
from train.explain.sheets import Case, draw_sheet, overlaid, refuse_tracked
from train.release.assemble import Predictions
from train.scores.crossfit import cross_fitted


def confusions(labels: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Every confused pair that occurs, the most frequent first.

    `labels`, `predicted`: (images,) in [0, 7). Columns: true, predicted (codes), images, share_of_true
    (of the true class's images), images_reversed (the other way round), images_both_ways.
    """
    counts = confusion_matrix(labels, predicted, labels=np.arange(len(CODES)))
    rows = [
        (true, called, n, n / counts[i].sum(), counts[k, i], n + counts[k, i])
        for i, true in enumerate(CODES)
        for k, called in enumerate(CODES)
        if i != k and (n := counts[i, k])
    ]
    columns = ["true", "predicted", "images", "share_of_true", "images_reversed", "images_both_ways"]
    table = pd.DataFrame(rows, columns=pd.Index(columns))
    return table.sort_values("images", ascending=False, kind="stable", ignore_index=True)


def confused_pairs(run: Run, out: Path, pairs: int = 5, cases: int = 4) -> Path:
    """Write `pairs.csv`, `pairs.md` and a sheet of `cases` cases for each of `pairs` pairs into `out`.

    The answers are the run's out-of-fold predictions from most views; each case is explained by the
    member of its own fold. Of the images of a pair those are shown that are most surely mistaken, one
    a lesion. Returns `pairs.md`. Raises `RunError` when no fold is finished or git would track `out`.
    """
    refuse_tracked(out)
    predictions, probabilities, views = _answers(run)
    predicted = probabilities.argmax(axis=1)
    table = confusions(predictions.labels, predicted)
    out.mkdir(parents=True, exist_ok=True)
    replace_file(out / "pairs.csv", table.to_csv(index=False, float_format="%.6g"))
    explained: list[Explained] = []
    sheets = []
    for true, called in table[["true", "predicted"]].head(pairs).itertuples(index=False):
        i, k = CODES.index(true), CODES.index(called)
        inside = np.flatnonzero((predictions.labels == i) & (predicted == k))
        surest = inside[np.argsort(-probabilities[inside, k], kind="stable")]
        _, first = np.unique(predictions.lesions[surest], return_index=True)
        shown = surest[np.sort(first)][:cases]
        of_pair = [_explained(run, predictions, probabilities[row], int(row)) for row in shown]
        columns = ("photo", f"Grad-CAM {true} (true)", f"Grad-CAM {called}", f"guided {called}")
        title = f"{true} predicted as {called}"
        sheets.append(f"{true}-as-{called}.png")
        draw_sheet(title, columns, [one.case for one in of_pair], out / sheets[-1])
        explained += of_pair
    text = pairs_report(run, table, pairs, sheets, explained, len(predictions.labels), views)
    replace_file(out / "pairs.md", text)
    return out / "pairs.md"


def _answers(run: Run) -> tuple[Predictions, np.ndarray, int]:
    """Out-of-fold predictions with calibrated probabilities (images, 7) from most views."""
    names = ("history.json", "predictions.csv", "member.safetensors")
    folds = [
        fold
        for fold in range(run.recipe.folds)
        if all((run.fold_folder(fold) / name).is_file() for name in names)
    ]
    if not folds:
        raise RunError(f"No fold of {run.folder} is finished: run `train run` on it first.")
    predictions = Predictions.read(run, folds)
    views = max(predictions.logits)
    shift = log_prior_shift(run.data.labels, run.recipe)
    probabilities = cross_fitted(
        predictions.logits[views], predictions.labels, predictions.lesions, shift
    )
    return predictions, probabilities, views


def _explained(
    run: Run, predictions: Predictions, probabilities: np.ndarray, position: int
) -> Explained:
    image_id = predictions.table["image_id"].iloc[position]
    true, called = int(predictions.labels[position]), int(probabilities.argmax())
    device = best_device()
    member = load_fold_member(run, int(predictions.folds[position])).requires_grad_(False).to(device)
    row = run.data.table["image_id"].tolist().index(image_id)
    photo = read_photo(str(run.data.table["path"].iloc[row]))
    square = input_square(photo, member.config)[None].to(device)
    heat = activation_maps(member, square)
    guided = guided_gradient(partial(_logits, member), square, called)
    pixels = square[0].permute(1, 2, 0).cpu().numpy()
    panels = (
        pixels,
        overlaid(pixels, heat[true].cpu().numpy()),
        overlaid(pixels, heat[called].cpu().numpy()),
        as_colours(guided[0]),
    )
    caption = (
        f"{image_id}   true {CODES[true]} ({probabilities[true]:.0%})   "
        f"predicted {CODES[called]} ({probabilities[called]:.0%})"
    )
    return Explained(Case(caption, panels), randomisation_check(member, square, called))


def activation_maps(member: Member, square: Tensor) -> Tensor:
    """Grad-CAM of all classes, (7, size, size) in [0, 1] on one scale; `square`: (1, 3, size, size)."""
    with torch.inference_mode():
        maps = on_shared_scale(class_maps(member, member(square))[0])
        size = square.shape[-2:]
        return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0].clamp(0, 1)


def randomisation_check(
    member: Member, square: Tensor, label: int, seed: int = 0
) -> dict[tuple[str, str], float]:
    """How alike the maps of `label` stay when the head, or all weights, are drawn anew.

    Spearman's rank correlation by (map, part), the sign of the gradient left off (Adebayo et al. 2018).
    A map that a random network leaves blank is left out.
    """

    def maps(network: Member) -> dict[str, Tensor]:
        with torch.inference_mode():
            signed = class_maps(network, network(square))[0, label]
        guided = strength(guided_gradient(partial(_logits, network), square, label))[0]
        return {"Grad-CAM": signed.clamp(min=0), "guided back-propagation": guided}

    trained = maps(member)
    found = {}
    for part in ("head", "all"):
        for name, drawn in maps(randomised(member, part, seed)).items():
            if drawn.std() > 0 and trained[name].std() > 0:
                found[name, part] = likeness(trained[name], drawn)
    return found


def _logits(member: Member, images: Tensor) -> Tensor:
    return member(images).logits


def as_colours(gradient: Tensor) -> np.ndarray:
    """A signed gradient (3, size, size) as RGB (size, size, 3): grey is zero, 0.1 a deviation."""
    values = gradient.permute(1, 2, 0).cpu().numpy()
    scale = 0.1 / values.std() if values.std() > 0 else 0.0
    return (0.5 + scale * (values - values.mean())).clip(0, 1)
