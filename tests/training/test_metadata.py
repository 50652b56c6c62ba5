"""The metadata tables of HAM10000's sources, and what they say of patients in anybody's spelling."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skin_app.gallery.patient_table import UNKNOWN, age_bands, normalised, years
from skin_app.gallery.similar_lesions import Gallery
from tests.tiny import write_data
from train.__main__ import main
from train.audit.conformal_sets import patient_groups
from train.data.ham10000 import DataError, Dataset, dataset_findings, read_dataset
from train.data.isic_diagnoses import SCC, diagnosis
from train.data.metadata import read_metadata
from train.scores.evidence import public_metadata

NAME = "HAM10000_metadata.csv"
HOT_2018 = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
HOT_2019 = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")
ARCHIVE = {
    "akiec": ("Indeterminate epidermal proliferations", "Solar or actinic keratosis"),
    "bcc": ("Malignant adnexal epithelial proliferations - Follicular", "Basal cell carcinoma"),
    "bkl": ("Benign epidermal proliferations", "Seborrheic keratosis"),
    "df": ("Benign soft tissue proliferations - Fibro-histiocytic", "Dermatofibroma"),
    "mel": ("Malignant melanocytic proliferations (Melanoma)", "Melanoma Invasive"),
    "nv": ("Benign melanocytic proliferations", "Nevus"),
    "vasc": ("Benign soft tissue proliferations - Vascular", ""),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "data", lesions_per_class=2)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """Images and their table; the latter as text in `table`."""
    return shutil.copytree(original, tmp_path / "data")


@pytest.fixture
def table(folder: Path) -> pd.DataFrame:
    """The table of `folder`, which is taken away."""
    table = pd.read_csv(folder / NAME, dtype=str)
    (folder / NAME).unlink()
    return table


def same(data: Dataset, original: Path) -> bool:
    """Whether images, diagnoses, lesions, ages and sites are those of the original."""
    first = read_dataset(original)
    return data.fingerprint == first.fingerprint and data.table.drop(columns="path").equals(
        first.table.drop(columns="path")
    )


def named(table: pd.DataFrame, image: str) -> pd.DataFrame:
    """Images and lesions alone; `image`: the name of the column of image ids."""
    return pd.DataFrame({image: table["image_id"], "lesion_id": table["lesion_id"]})


def one_hot(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    code = table["dx"].str.upper().replace({"AKIEC": "AK"} if "AK" in columns else {})
    hot = {name: (code == name).astype(float) for name in columns}
    return pd.DataFrame({"image": table["image_id"], **hot})


@pytest.mark.parametrize("name", [NAME, "HAM10000_metadata", "ham10000_metadata.TAB", "labels.tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_name_separator_and_encoding(
    name: str, separator: str, encoding: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    table.loc[0, "localization"] = "Rücken"
    (tmp_path / name).write_bytes(table.to_csv(sep=separator, index=False).encode(encoding))
    metadata = read_metadata(tmp_path, scc_as_akiec=False)
    assert metadata.path.name == name
    assert metadata.table["localization"].tolist() == ["Rücken", *["back"] * 27]


def test_case_blanks_quotes_and_image_names_do_not_matter(
    folder: Path, table: pd.DataFrame, original: Path
) -> None:
    table["dx"] = " " + table["dx"].str.upper() + " "
    table["image_id"] = "part_1/" + table["image_id"] + ".JPG"
    table["sex"], table["localization"] = "M", "  BACK"
    table.columns = pd.Index([f" {name.title()} " for name in table.columns])
    (folder / NAME).write_text("sep=;\r\n" + table.to_csv(sep=";", index=False, quoting=1))
    assert same(read_dataset(folder), original)


def test_one_hot_tables_with_the_tables_beside_them(
    folder: Path, table: pd.DataFrame, original: Path
) -> None:
    truth = folder / "ISIC2018_Task3_Training_GroundTruth"
    truth.mkdir()
    one_hot(table, HOT_2018).to_csv(truth / "ISIC2018_Task3_Training_GroundTruth.csv", index=False)
    data = read_dataset(folder)
    assert len(set(data.groups)) == 28
    assert any("no lesion id of 28 images" in sentence for sentence in dataset_findings(data))
    lesions = named(table, "image").assign(diagnosis_confirm_type="serial imaging showing no change")
    lesions.iloc[::-1].to_csv(folder / "ISIC2018_Task3_Training_LesionGroupings.csv", index=False)
    data = read_dataset(folder)
    assert data.fingerprint == read_dataset(original).fingerprint
    assert set(data.table["dx_type"]) == {"follow_up"}
    assert "lesion_id, dx_type taken from ISIC2018_Task3_Training_LesionGroupings.csv" in data.notes


def test_isic_2019_and_what_is_none_of_the_seven(folder: Path, table: pd.DataFrame) -> None:
    table.loc[:2, "dx"], table.loc[3, "dx"] = "scc", "unk"
    one_hot(table, HOT_2019).to_csv(folder / "ISIC_2019_Training_GroundTruth.csv", index=False)
    patients = named(table, "image").assign(age_approx=55.0, anatom_site_general="anterior torso")
    patients.to_csv(folder / "ISIC_2019_Training_Metadata.csv", index=False)
    data = read_dataset(folder)
    assert len(data.table) == 24
    assert (set(data.table["age"]), set(data.table["localization"])) == ({55.0}, {"anterior torso"})
    assert "left out, none of the seven diagnoses: 4 images: SCC 3, UNK 1" in " ".join(data.notes)
    data = read_dataset(folder, scc_as_akiec=True)
    assert data.table["dx"].tolist()[:3] == ["akiec"] * 3
    assert len(data.table) == 27
    assert "counted as akiec (--scc-as-akiec): 3 squamous cell carcinomas" in data.notes


def test_a_stray_quotation_mark_is_named_and_swallows_no_row(folder: Path, table: pd.DataFrame) -> None:
    for places in ([9], [4, 9]):
        lines = table.to_csv(index=False).splitlines(keepends=True)
        for place in places:
            lines[place] = lines[place].replace(",back", ',"back')
        (folder / NAME).write_text("".join(lines))
        with pytest.raises(DataError, match=r"line break in a cell.*a quotation mark is missing"):
            read_dataset(folder)


def test_excels_decimal_commas_and_its_line_about_the_separator(
    folder: Path, table: pd.DataFrame
) -> None:
    expected = table["dx"].tolist()
    hot = pd.get_dummies(table.set_index("image_id")["dx"]).astype(float)
    hot.columns = hot.columns.str.upper()
    text = hot.reset_index(names="image").to_csv(sep=";", index=False, decimal=",")
    (folder / "ISIC2018_Task3_Training_GroundTruth.csv").write_text(f'"sep=;"\r\n{text}')
    assert "1,0" in text
    assert read_dataset(folder).table["dx"].tolist() == expected


def test_rows_of_none_or_two_diagnoses_are_refused(folder: Path, table: pd.DataFrame) -> None:
    hot = one_hot(table, HOT_2018)
    for column, value in (("AKIEC", 0.0), ("MEL", 1.0), ("AKIEC", "x"), ("AKIEC", 0.5)):
        hot.astype({column: object}).assign(**{column: [value, *hot[column][1:]]}).to_csv(
            folder / "truth.csv", index=False
        )
        with pytest.raises(DataError, match=f"1 rows without exactly one 1 .*{table['image_id'][0]}"):
            read_dataset(folder)


def test_the_archives_metadata(folder: Path, table: pd.DataFrame, original: Path) -> None:
    archive = named(table, "isic_id").assign(
        diagnosis_1="Benign",
        diagnosis_2=[ARCHIVE[code][0] for code in table["dx"]],
        diagnosis_3=[ARCHIVE[code][1] for code in table["dx"]],
        diagnosis_confirm_type="histopathology",
        age_approx="50",
        sex="male",
        anatom_site_general="",
        anatom_site_1="Back",
        image_type="dermoscopic",
    )
    archive.to_csv(folder / "metadata.csv", index=False)
    assert same(read_dataset(folder), original)
    archive.loc[0, "diagnosis_3"] = "Squamous cell carcinoma, NOS"
    archive.loc[1, "diagnosis_3"] = "Keratoacanthoma"
    archive.loc[2, "image_type"] = "clinical: close-up"
    archive.to_csv(folder / "metadata.csv", index=False)
    data = read_dataset(folder)
    assert len(data.table) == 25
    (note,) = data.notes
    for words in ("Squamous cell carcinoma, NOS 1", "Keratoacanthoma 1", "clinical: close-up) 1"):
        assert words in note
    for path in folder.rglob(f"{archive['isic_id'][0]}.jpg"):
        path.rename(path.with_name("ISIC_0024306.jpg"))  # one that HAM10000 published, as akiec
    archive.loc[0, "isic_id"] = "ISIC_0024306"
    archive.to_csv(folder / "metadata.csv", index=False)
    assert read_dataset(folder).table["dx"].tolist()[0] == "akiec"


def test_names_of_diagnoses() -> None:
    for names, code in {
        ("Malignant", "", "Melanoma in situ", "Melanoma in situ, Lentigo maligna type"): "mel",
        ("Malignant", "Malignant melanocytic proliferations (Melanoma)", "Melanoma metastasis"): "",
        ("Benign", "Benign melanocytic proliferations", "Nevus", "Nevus, Dermal"): "nv",
        ("Benign", "Flat melanotic pigmentations - not melanocytic nevus", "Lentigo NOS"): "",
        ("Benign", "Flat melanotic pigmentations - not melanocytic nevus", "Solar lentigo"): "bkl",
        ("Malignant", "", "Squamous cell carcinoma in situ", ""): "akiec",
        ("Malignant", "", "Squamous cell carcinoma in situ, Bowens disease"): "akiec",
        ("Malignant", "", "Squamous cell carcinoma, Invasive"): SCC,
        ("Benign", "Benign soft tissue proliferations - Vascular", "Hemangioma, Hobnail"): "vasc",
        ("pigmented  benign keratosis",): "bkl",
        ("Benign", "", "Nevus sebaceous"): "",
        (): "",
    }.items():
        assert diagnosis(names) == code, names


def test_which_table_is_read_is_said_or_asked(folder: Path, table: pd.DataFrame) -> None:
    for name in ("b.csv", "a.csv"):
        table.to_csv(folder / name, index=False)
    with pytest.raises(DataError, match=r"2 tables of diagnoses \(a.csv, b.csv\): keep only"):
        read_dataset(folder)
    (folder / "b.csv").write_text("pixel0000,pixel0001\n1,2\n")
    assert read_dataset(folder).source == "a.csv"
    (folder / "older").mkdir()
    table.head(3).to_csv(folder / "older" / NAME, index=False)
    data = read_dataset(folder)
    assert (data.source, len(data.table)) == ("a.csv", 28)
    table.to_csv(folder / "HAM10000_metadata", index=False)
    data = read_dataset(folder)
    assert data.source == "HAM10000_metadata"
    assert "a.csv is not read" in data.notes


@pytest.mark.parametrize("place", ["", "run"])
@pytest.mark.parametrize("below", [False, True])
def test_what_the_trainer_wrote_is_no_table_of_the_data(
    place: str, below: bool, folder: Path, table: pd.DataFrame
) -> None:
    own = folder / "table" if below else folder
    own.mkdir(exist_ok=True)
    table.assign(fold=0).to_csv(own / "labels.csv", index=False)
    before = read_dataset(folder)
    (folder / place).mkdir(exist_ok=True)
    out = folder / place / "FOLDS.CSV"
    assert main(["split", "--data", str(folder), "--folds", "2", "--out", str(out)]) == 0
    public_metadata(before.table).to_csv(folder / place / "gallery.csv", index=False)
    answers = table[["image_id", "dx"]].assign(fold=0, logit_1view_mel=0.5)
    answers.to_csv(folder / place / "predictions.csv", index=False)
    after = read_dataset(folder)
    assert (after.source, after.notes) == (before.source, before.notes)


def test_what_cannot_be_read_names_the_columns(folder: Path) -> None:
    def refused(text: str | bytes, words: str) -> None:
        (folder / NAME).write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(DataError, match=words) as caught:
            read_dataset(folder)
        assert "\n" not in str(caught.value)

    refused(
        "name;age\nx;1\n", "no column image_id, dx: found are name, age; needed are image_id and dx"
    )
    refused("image,MEL,NV\na,1,0\n", "no column dx: found are image, mel, nv; needed")
    refused("image_id,dx,DX\na,nv,nv\n", "two columns dx")
    refused("image_id,dx\na,nv\nb,nv,1,2\n", "4 cells in line 3, but 2 columns")
    refused(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text|no column")
    refused("", "no column image_id, dx: found are no columns")
    (folder / NAME).unlink()
    (folder / "x.csv").write_text("a,b\n")
    (folder / "y.tab").write_text("c\td\n")
    with pytest.raises(
        DataError, match=r"none with the columns .*x.csv has a, b; y.tab has c, d; needed"
    ):
        read_dataset(folder)


@pytest.mark.parametrize("suffix", [".JPE", ".jfif", ".PNG", ".tiff", ".bmp", ".heic", ".avif", ""])
def test_images_are_found_whatever_their_suffix(suffix: str, folder: Path) -> None:
    for path in sorted(folder.rglob("*.jpg")):
        path.rename(path.with_suffix(suffix))
    assert len(read_dataset(folder).table) == 28


def test_an_image_in_another_format_beside_the_usual_one_is_passed_over(folder: Path) -> None:
    before = read_dataset(folder)
    path = min(folder.rglob("*.jpg"))
    Image.open(path).save(path.with_suffix(".bmp"))
    assert read_dataset(folder).fingerprint == before.fingerprint


AGES = {
    "85+": 85, "50 years": 50, "50 Years old": 50, "50 y": 50, "50.0": 50, "50,5": 50.5, " 0 ": 0,
    "120": 120, "": None, "unknown": None, "NaN": None, "N/A": None, None: None, np.nan: None,
    "-1": None, "121": None, "6 months": None, "50-60": None, "inf": None, "1e1": None, 45.0: 45,
}  # fmt: skip


def test_ages_in_anybodys_spelling() -> None:
    table, unreadable = normalised(pd.DataFrame({"age": pd.Series(list(AGES), dtype=object)}))
    found = [None if np.isnan(age) else age for age in table["age"]]
    assert found == list(AGES.values())
    assert unreadable == {"age": ("-1", "121", "6 months", "50-60", "inf", "1e1")}
    assert years("85 +") == 85
    bands = age_bands(pd.Series([0.0, 29.9, 30.0, 75.0, np.nan])).tolist()
    assert bands == ["0-29", "0-29", "30-44", "75+", UNKNOWN]


def test_sexes_sites_and_ways_of_confirmation() -> None:
    written = pd.DataFrame(
        {
            "sex": [" M", "Female", "f", "n/a", "diverse", None],
            "localization": ["Lower  Extremity ", "UNKNOWN", "", "ear", "?", np.nan],
            "dx_type": ["Histo", "histopathology", "Consensus", "-", None, "confocal"],
        }
    )
    table, unreadable = normalised(written)
    assert table["sex"].tolist() == ["male", "female", "female", *[UNKNOWN] * 3]
    assert table["localization"].tolist() == ["lower extremity", *[UNKNOWN] * 2, "ear", *[UNKNOWN] * 2]
    assert table["dx_type"].tolist() == ["histo", "histo", "consensus", *[UNKNOWN] * 2, "confocal"]
    assert unreadable == {"sex": ("diverse",)}


def test_split_says_what_it_found(
    folder: Path, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table["age"] = table["age"].astype(object)
    table.loc[:4, "age"] = ["unknown", "", "-1", "old", "85+"]
    table.loc[1, "dx"] = "mel"
    table.loc[table["dx"] != "df"].to_csv(folder / NAME, index=False)
    arguments = ["split", "--data", str(folder), "--folds", "2", "--out", str(tmp_path / "folds.csv")]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    for words in (
        f"read {NAME}: 24 images of 12 lesions",
        "not stated: age of 2 images\n",
        "warning: age: 2 values unreadable, so missing: '-1', 'old'",
        f"more than one diagnosis of 1 lesion: {table['lesion_id'][0]} (akiec, mel)",
        "there is no image of df",
    ):
        assert words in said
    folds = pd.read_csv(tmp_path / "folds.csv")
    assert folds.groupby("lesion_group")["fold"].nunique().max() == 1


def test_a_gallery_of_older_weights_with_unreadable_ages_is_read() -> None:
    table = pd.DataFrame(
        {
            "image_id": ["a", "b"],
            "lesion": ["a", "b"],
            "dx": ["nv", "mel"],
            "dx_type": ["histo", None],
            "age": ["unknown", "85+"],
            "sex": ["M", "unknown"],
            "localization": [None, "ear"],
        }
    )
    one, other = Gallery(np.eye(2), table).nearest(np.array([1.0, 0.5]))
    assert (one.age, one.sex, one.site, one.confirmed) == (None, "male", None, "histopathology")
    assert (other.age, other.sex, other.site, other.confirmed) == (85.0, None, "ear", "not stated")


def test_groups_of_ages_are_in_order_and_hold_every_image() -> None:
    images = pd.DataFrame({"age": [80.0, 20.0, np.nan, 31.0]})
    names, rows = zip(*patient_groups(images, "age"), strict=True)
    assert names == ("0-29", "30-44", "75+", UNKNOWN)
    assert np.sum(rows, axis=0).tolist() == [1, 1, 1, 1]
