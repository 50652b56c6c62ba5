"""Studies: settings that differ in one thing, trained on the same folds and compared in pairs.

Published numbers come from the publications' own data splits (by image, where that is known). They are
shown beside ours, never mixed with them.
"""

from dataclasses import dataclass, field

from skin_app.views import VIEWS
from train.recipes.changes import (
    Change,
    at_size,
    augmented,
    both,
    longer,
    member_with,
    no_augmentation,
    one_more,
    one_stage,
    rebuilt,
    recipe_with,
    trained_for,
    unchanged,
    unlike,
    viewed_at,
    with_backbone,
)
from train.recipes.published import FLAGSHIP, LE2020, MISHRA2019, SUPERCON2022
from train.recipes.recipe import Bias, Recipe


@dataclass(frozen=True)
class Setting:
    """One row of a study: what it changes in the study's recipe, and the published scores, if any.

    `published`: score name -> value in [0, 1]. `after`: the setting of the same study whose members it
    continues from; if empty, it begins with the start weights. `against`: the setting that it is
    compared with; if empty, the study's baseline.
    """

    name: str
    change: Change
    published: dict[str, float] = field(default_factory=dict)
    after: str | None = None
    against: str | None = None


@dataclass(frozen=True)
class Study:
    """Settings of one recipe; the first is the baseline of differences.

    `ensemble`: whether the average of all settings is a row of its own. `views`: how many views the
    held-out images are predicted from. `untouched`: folds that were not looked at when the settings
    were chosen, on which alone they are compared too. `bias`: of the calibration, as in
    `cross_fitted`. The log of class weights and sampling is subtracted in full, but trainings shorter
    than the published ones learn only part of that shift. Without a bias, settings that change class
    weights or sampling would differ by this alone.
    """

    name: str
    title: str
    recipe: Recipe
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    ensemble: bool = False
    views: int = VIEWS
    untouched: tuple[int, ...] = ()
    bias: Bias = "always"

    @property
    def baseline(self) -> str:
        return self.settings[0].name

    def setting(self, name: str) -> Setting:
        """The setting of that name; raises `KeyError`."""
        return {setting.name: setting for setting in self.settings}[name]


def _published(accuracy: float, precision: float, recall: float, f1: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
    }


BY_IMAGE = (
    "The published numbers come from a split by image, which leaks, and from the highest raw output of "
    "the networks. Ours are calibrated, with the effect of class weights taken off: they show how well "
    "the classes are told apart, not how far weights push the output towards rare classes."
)

ONE_SIZE = member_with(view_sizes=())(FLAGSHIP)
LONG, MORE = "8-epochs", "one-more"  # of the flagship's study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        Study(
            name="le2020-ablations",
            title="Le et al. 2020: what each part is worth",
            recipe=LE2020,
            settings=(
                Setting("full", unchanged, _published(0.90, 0.81, 0.80, 0.80)),
                Setting("no-dropout", member_with(dropout=0.0), _published(0.90, 0.78, 0.77, 0.77)),
                Setting("no-augmentation", no_augmentation, _published(0.89, 0.79, 0.71, 0.74)),
                Setting(
                    "no-class-weights",
                    recipe_with(class_weight_power=0.0),
                    _published(0.90, 0.81, 0.77, 0.79),
                ),
                Setting("no-dense", member_with(hidden=0), _published(0.74, 0.70, 0.80, 0.72)),
                Setting("no-pooling", member_with(pool="flatten"), _published(0.88, 0.77, 0.73, 0.75)),
            ),
            notes=(
                BY_IMAGE,
                "The published row of full is the test score of the whole system: five ResNet-50 with "
                "test-time augmentation.",
            ),
        ),
        Study(
            name="le2020-backbones",
            title="Le et al. 2020: its four backbones",
            recipe=LE2020,
            settings=tuple(
                Setting(name, with_backbone(name))
                for name in ("resnet50", "vgg16", "mobilenetv1_100", "efficientnet_b1")
            ),
            notes=("The numbers of this table of the publication could not be read.",),
            ensemble=True,
        ),
        Study(
            name="focal-weights",
            title="Focal loss and class weights, each on and off",
            recipe=LE2020,
            settings=(
                Setting("focal-and-weights", unchanged),
                Setting("focal-only", recipe_with(class_weight_power=0.0)),
                Setting("weights-only", recipe_with(focal_gamma=0.0)),
                Setting("neither", recipe_with(focal_gamma=0.0, class_weight_power=0.0)),
            ),
            ensemble=True,
        ),
        Study(
            name="split",
            title="Lesion-grouped split against the split by image of 2020",
            recipe=LE2020,
            settings=(
                Setting("lesion-grouped", unchanged),
                Setting("by-image", recipe_with(split="image")),
            ),
        ),
        Study(
            name="supercon",
            title="SuperCon 2022: contrastive stage, then classifier, against one stage",
            recipe=SUPERCON2022,
            settings=(
                Setting("one-stage", one_stage),
                Setting("two-stages", unchanged),
            ),
        ),
        Study(
            name="mishra2019-depths",
            title="Mishra et al. 2019: depth of the ResNet",
            recipe=MISHRA2019,
            settings=tuple(
                Setting(name, with_backbone(name), {"accuracy": accuracy})
                for name, accuracy in (
                    ("resnet34", 0.889),
                    ("resnet50", 0.897),
                    ("resnet101", 0.882),
                    ("resnet152", 0.898),
                )
            ),
            notes=(
                "The published numbers are of other data: photographs by users.",
                "Learning rates fall from block to block, so the first layers of a deeper network "
                "train at lower rates.",
            ),
        ),
        Study(
            name="view-sizes",
            title="The flagship: views of one size, or of three",
            recipe=ONE_SIZE,
            settings=(
                Setting("one-size", trained_for(8, 0.995)),
                Setting("three-sizes", viewed_at(160, 192, 224), after="one-size"),
            ),
            notes=(
                "Both settings use the same networks, trained at 160 px. three-sizes reads the views "
                "at 160, 192 and 224 px in turn. The first view has 160 px in both, so answers from "
                "one view are equal.",
                "The sizes were chosen on fold 0, after a look at 192 and 224 px alone, pairs of "
                "sizes, one more epoch at 192 px, and zoomed views. Fold 1 was not looked at before.",
                "Malignant AUC and negative log-likelihood joined the verdict after this study was "
                "measured. By accuracy and balanced accuracy alone, three-sizes would not be better.",
            ),
            untouched=(1,),
        ),
        Study(
            name="unlike-members",
            title="The flagship: a second member of another architecture for each fold",
            recipe=FLAGSHIP,
            settings=(
                Setting("swin", unchanged),
                Setting("vit", unlike("vit_tiny_patch16_224", 224, epochs=6)),
            ),
            ensemble=True,
            notes=(
                "swin is the flagship as it ships: the predictions of three-sizes in the study of "
                "views. The architecture, size and epochs of the second member were fixed before any "
                "of its predictions was seen. It was given up after fold 0.",
            ),
        ),
        Study(
            name="full-runs",
            title="The flagship: full trainings from the start weights",
            recipe=FLAGSHIP,
            settings=(
                Setting("today", unchanged),
                Setting("192-px-conditions", rebuilt),
                Setting("192-px-longer", longer, after="192-px-conditions"),
            ),
            ensemble=True,
            notes=(
                "today is the flagship as it ships: the predictions of three-sizes in the study of "
                "views. 192-px-conditions changes several things at once: 192 px, all layers trained, "
                "logit adjustment in place of class weights and focal loss, more stochastic depth, a "
                "little mixup, and augmentation by artefacts, light, colour, blur and JPEG.",
                "192-px-longer continues it for ten epochs at 192 px, without mixup and with less "
                "damage.",
            ),
        ),
        Study(
            name="flagship",
            title="The flagship: what one more epoch should be spent on",
            recipe=ONE_SIZE,
            settings=(
                Setting(LONG, trained_for(8, 0.995)),
                Setting("3-epochs", trained_for(3, 0.99)),
                Setting(MORE, one_more(), after=LONG),
                *(
                    Setting(name, both(one_more(**values), change), after=LONG, against=MORE)
                    for name, values, change in (
                        ("wider-crops", {}, augmented(crop=(0.85, 1.15))),
                        ("192-px", {}, at_size(192)),
                        ("all-layers", {"frozen": ()}, unchanged),
                        ("mixup", {}, augmented(mixup=0.2)),
                        ("half-the-naevi", {}, recipe_with(sampling="thinned")),
                        ("no-class-weights", {}, recipe_with(class_weight_power=0.0)),
                        ("no-focusing", {}, recipe_with(focal_gamma=0.0)),
                        ("smoothing", {}, recipe_with(smoothing=0.1)),
                    )
                ),
            ),
            notes=(
                "The settings were chosen after a look at fold 0, whose images are scored here.",
                f"All settings but 3-epochs continue the member of {LONG} (rounded to float16, as it "
                f"ships) for one epoch at a quarter of its learning rates. {MORE} changes nothing "
                "else.",
                "Minutes are those of the added epoch, on a machine that did other work at times; "
                f"3-epochs and {LONG} ran on slower machines that paused the training.",
                "3-epochs was trained by an earlier version of this code with the same settings. Its "
                "losses by epoch were not kept.",
            ),
            views=1,
        ),
    )
}
