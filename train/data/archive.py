"""Maps the ISIC Archive's names of diagnoses to HAM10000's seven classes.

HAM10000's classes as their authors describe them (Tschandl et al., Scientific Data 5, 180161): akiec
holds Bowen's disease, a squamous cell carcinoma in situ, beside actinic keratoses; bkl holds
seborrheic keratoses, solar lentigines and lichen-planus like keratoses; vasc holds angiomas,
angiokeratomas, pyogenic granulomas and haemorrhage. An invasive squamous cell carcinoma is none of the
seven, and a metastasis of a melanoma does not look like the melanomas that mel holds.
"""

from collections.abc import Iterable

SCC = "scc"
NAMES = {
    "nv": ("nevus", "blue nevus", "spitz nevus", "melanocytic nevus", "nevus spilus"),
    "mel": (
        *("melanoma", "melanoma in situ", "melanoma invasive"),
        *("lentigo maligna", "lentigo maligna melanoma"),
    ),
    "bcc": ("basal cell carcinoma",),
    "akiec": (
        *("actinic keratosis", "solar or actinic keratosis", "bowen's disease", "bowen disease"),
        "squamous cell carcinoma in situ",
    ),
    "bkl": (
        *("pigmented benign keratosis", "seborrheic keratosis", "solar lentigo", "lichenoid keratosis"),
        *("lichen planus like keratosis", "lichen planus-like keratosis", "benign keratosis"),
    ),
    "df": ("dermatofibroma",),
    "vasc": (
        *("benign soft tissue proliferations - vascular", "vascular lesion", "hemorrhagic lesions"),
        *("hemangioma", "angioma", "cherry angioma", "angiokeratoma", "pyogenic granuloma"),
    ),
    SCC: ("squamous cell carcinoma", "squamous cell carcinoma invasive"),
    "": ("melanoma metastasis",),
}
CLASS_OF = {name: code for code, names in NAMES.items() for name in names}


def diagnosis(names: Iterable[str]) -> str:
    """The class (possibly `SCC`) of an image, from its names, general to specific; "" for none.

    The most specific known name decides: "Nevus" when "Nevus, of some new kind" follows it.
    """
    for name in reversed(list(names)):
        # "Melanoma, NOS" is a melanoma; "Nevus sebaceous" would be no naevus
        whole = " ".join(name.lower().split())
        for known in (whole, whole.partition(",")[0]):
            if known in CLASS_OF:
                return CLASS_OF[known]
    return ""
