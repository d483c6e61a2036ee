"""IXI, OASIS-1 and the MS lesion challenge of 2008."""

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.trees import image, touch
from tfmed import datasets, io
from tfmed.errors import TfmedError
from tfmed.study import Volume

SESSION = "disc1/OAS1_0001_MR1"
RAW = f"{SESSION}/RAW/OAS1_0001_MR1_mpr-1_anon"
SUBJECT = f"{SESSION}/PROCESSED/MPRAGE/SUBJ_111/OAS1_0001_MR1_mpr_n4_anon_sbj_111"
ATLAS = f"{SESSION}/PROCESSED/MPRAGE/T88_111/OAS1_0001_MR1_mpr_n4_anon_111_t88"
TISSUES = f"{SESSION}/FSL_SEG/OAS1_0001_MR1_mpr_n4_anon_111_t88_masked_gfc_fseg"


def pair(stem: str) -> list[str]:
    return [f"{stem}.hdr", f"{stem}.img"]


def test_ixi_joins_folders_by_subject(tmp_path: Path) -> None:
    root = touch(
        tmp_path,
        "IXI-T1/IXI002-Guys-0828-T1.nii.gz",
        "IXI-T2/IXI002-Guys-0828-T2.nii.gz",
        "IXI-PD/IXI002-Guys-0828-PD.nii.gz",
        "IXI-MRA/IXI012-HH-1211-MRA.nii.gz",
        "IXI-DTI/IXI002-Guys-0828-DTI-00.nii.gz",
        "IXI.xls",
    )
    found = datasets.report(root)
    assert [(case.id, tuple(case.modalities)) for case in found.cases] == [
        ("IXI002-Guys-0828", ("t1", "t2", "pd")),
        ("IXI012-HH-1211", ("mra",)),
    ]
    assert {case.diagnosis for case in found.cases} == {"healthy"}
    assert [case.patient for case in found.cases] == ["IXI002", "IXI012"]
    assert [entry.reason for entry in found.skipped] == ["one direction of a diffusion series"]


def test_ixi_modalities_of_two_grids_load_only_when_resampling_is_allowed(tmp_path: Path) -> None:
    image(tmp_path / "IXI-T1" / "IXI002-Guys-0828-T1.nii.gz", affine=np.diag([1, 1, 1, 1.0]))
    image(tmp_path / "IXI-T2" / "IXI002-Guys-0828-T2.nii.gz", affine=np.diag([0.5, 2, 1, 1.0]))
    case = datasets.scan(tmp_path)[0]
    with pytest.raises(TfmedError, match="t1 and t2 are on two grids"):
        case.load()
    study = case.load(resample=True)
    assert study.images["t2"].shape == study.shape
    assert study.provenance["grid"]["t2"].startswith("resampled (linear) from 6x7x5 voxels of 0.5x2x1 mm")


@pytest.mark.parametrize(
    ("present", "taken", "labelled"),
    [
        ((RAW, SUBJECT, f"{ATLAS}_gfc", f"{ATLAS}_masked_gfc"), f"{ATLAS}_masked_gfc", True),
        ((RAW, SUBJECT, f"{ATLAS}_gfc"), f"{ATLAS}_gfc", True),
        ((RAW, SUBJECT), SUBJECT, False),
        ((RAW,), RAW, False),
    ],
)
def test_oasis_takes_the_furthest_processed_image_and_labels_on_its_grid(
    tmp_path: Path, present: tuple[str, ...], taken: str, labelled: bool
) -> None:
    root = touch(tmp_path, *(path for stem in (*present, TISSUES) for path in pair(stem)))
    (root / SESSION / "OAS1_0001_MR1.txt").write_text("SESSION ID: OAS1_0001_MR1\nCDR:          0\n")
    case = datasets.scan(root)[0]
    assert case.modalities["t1"] == root / f"{taken}.hdr"
    assert (case.labels is not None, case.edition) == (labelled, "oasis1" if labelled else None)
    assert (case.patient, case.timepoint) == ("OAS1_0001", "MR1")


@pytest.mark.parametrize(
    ("rating", "diagnosis"), [("0", "healthy"), ("0.5", "alzheimer"), ("2", "alzheimer"), ("", None)]
)
@pytest.mark.parametrize("source", ["text", "table"])
def test_oasis_diagnosis_from_the_rating_and_a_blank_one_left_out(
    tmp_path: Path, rating: str, diagnosis: str | None, source: str
) -> None:
    root = touch(tmp_path, *pair(RAW), *pair(RAW.replace("0001", "0002")))
    (root / "oasis_cross-sectional.csv").write_text(
        "ID,M/F,Hand,Age,Educ,SES,MMSE,CDR,eTIV,nWBV,ASF,Delay\n"
        + (f"OAS1_0001_MR1,F,R,74,2,3,29,{rating},1344,0.743,1.306,N/A\n" if source == "table" else "")
        + "OAS1_0002_MR1,F,R,55,4,1,29,0,1147,0.81,1.531,N/A\n"
    )
    if source == "text":
        (root / SESSION / "OAS1_0001_MR1.txt").write_text(f"AGE:  74\nCDR:  {rating}\neTIV: 1344\n")
    found = datasets.report(root)
    assert [case.diagnosis for case in found.cases if case.id == "OAS1_0001_MR1"] == [diagnosis] * bool(
        diagnosis
    )
    assert bool(found.skipped) == (diagnosis is None)
    assert all("CDR is blank" in entry.reason for entry in found.skipped)


def test_oasis_rating_of_a_table_where_the_text_leaves_it_blank_and_none_where_neither_speaks(
    tmp_path: Path,
) -> None:
    root = touch(tmp_path, *(path for n in "123" for path in pair(RAW.replace("0001", f"000{n}"))))
    (root / "my table.csv").write_text("ID,CDR\nOAS1_0001_MR1,0.5\nOAS1_0002_MR1,N/A\n")
    (root / "._my table.csv").write_bytes(b"\0\xff")
    (root / SESSION / "OAS1_0001_MR1.txt").write_text("CDR:          \neTIV:   1344\n")
    found = datasets.report(root)
    assert {case.id: case.diagnosis for case in found.cases} == {
        "OAS1_0001_MR1": "alzheimer",
        "OAS1_0003_MR1": None,
    }
    assert [entry.path.name for entry in found.skipped if "blank" in entry.reason] == [
        "OAS1_0002_MR1_mpr-1_anon.hdr"
    ]


def test_oasis_and_ixi_in_odd_case_flat_and_with_strays(tmp_path: Path) -> None:
    oasis = touch(
        tmp_path / "my oasis", *(path.lower() for path in pair(ATLAS + "_gfc")), "disc1/fact sheet.pdf"
    )
    found = datasets.report(oasis)
    assert [(case.id, case.patient) for case in found.cases] == [("OAS1_0001_MR1", "OAS1_0001")]
    assert [entry.path.name for entry in found.skipped] == ["fact sheet.pdf"]
    ixi = touch(
        tmp_path / "ixi", "all scans/ixi002-guys-0828-t1.nii", "all scans/IXI002-Guys-0828-T2.NII.gz", "a.log"
    )
    found = datasets.report(ixi)
    assert [(case.patient, tuple(case.modalities)) for case in found.cases] == [("IXI002", ("t1", "t2"))]
    assert [entry.path.name for entry in found.skipped] == ["a.log"]


def test_oasis_repeat_session_is_the_same_patient(tmp_path: Path) -> None:
    cases = datasets.scan(touch(tmp_path, *pair(RAW), *pair(RAW.replace("MR1", "MR2"))))
    assert [case.timepoint for case in cases] == ["MR1", "MR2"] and len({case.patient for case in cases}) == 1


def test_oasis_files_load_from_big_endian_analyze_with_a_trailing_axis(tmp_path: Path) -> None:
    from nibabel import AnalyzeImage
    from nibabel.analyze import AnalyzeHeader

    path = tmp_path / f"{RAW}.hdr"
    path.parent.mkdir(parents=True)
    header = AnalyzeHeader(endianness=">")
    header.set_data_dtype(np.int16)
    array = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3, 1)
    AnalyzeImage(array, None, header).to_filename(path)
    study = datasets.scan(tmp_path)[0].load()
    assert study.shape == (4, 5, 3) and np.array_equal(study.images["t1"].array, array[..., 0])


def test_ms2008_joins_two_raters_by_case(tmp_path: Path) -> None:
    root = tmp_path
    for name in ("FLAIR", "T1", "T2", "lesion"):
        (root / "CHB_train_Case01").mkdir(exist_ok=True)
        volume = Volume(np.ones((4, 5, 6), np.int16), np.diag([0.5, 0.5, 0.5, 1]))
        io.save(volume, root / "CHB_train_Case01" / f"CHB_train_Case01_{name}.nhdr")
    touch(
        root,
        *(
            f"UNC_train_Case01/UNC_train_Case01_{name}.{end}"
            for name in ("FLAIR", "T2")
            for end in ("nhdr", "raw")
        ),
        "UNC_train_Case01/UNC_train_Case01_lesion.nhdr",
        "UNC_train_lesion_byCHB/UNC_train_Case01_lesion_byCHB.nhdr",
        "UNC_train_lesion_byCHB/UNC_train_Case02_lesion_byCHB.nhdr",
        "UNC_train_Case02/UNC_train_Case02_T1.nhdr",
    )
    found = datasets.report(root)
    assert [case.id for case in found.cases] == ["CHB_train_Case01", "UNC_train_Case01", "UNC_train_Case02"]
    assert [tuple(case.modalities) for case in found.cases] == [
        ("flair", "t1", "t2"),
        ("flair", "t2"),
        ("t1",),
    ]
    assert found.cases[1].labels.name == "UNC_train_Case01_lesion.nhdr"
    assert found.cases[2].labels.name == "UNC_train_Case02_lesion_byCHB.nhdr"
    assert [entry.path.name for entry in found.skipped] == ["UNC_train_Case01_lesion_byCHB.nhdr"]
    study = found.cases[0].load()
    assert study.shape == (4, 5, 6) and np.allclose(study.reference.spacing_mm, 0.5)


def test_ms2008_in_odd_case_flat_with_single_files_and_strays(tmp_path: Path) -> None:
    names = ("flair.nrrd", "t1.nhdr", "t1.raw.gz", "lesion.nhdr", "lesion.raw")
    root = touch(
        tmp_path, *(f"my data/chb_train_case07_{name}" for name in names), "my data/README (copy).txt"
    )
    found = datasets.report(root)
    assert [(case.id, tuple(case.modalities)) for case in found.cases] == [
        ("chb_train_case07", ("flair", "t1"))
    ]
    assert found.cases[0].labels.name == "chb_train_case07_lesion.nhdr"
    assert [entry.path.name for entry in found.skipped] == ["README (copy).txt"]
