"""Small magnetic resonance files as scanners and converters write them, with a person's data in them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Every text that must never leave a reader.
PERSON = {
    "name": "Doe^Jane", "id": "PID-778899", "birth": "19610203", "physician": "House^Gregory",
    "institution": "Hospital of Somewhere", "comment": "tumour left frontal", "day": "20240511",
}  # fmt: skip


def write_nifti(
    path: Path, values: NDArray[Any], affine: NDArray[np.float64] | None = None,
    sidecar: Mapping[str, Any] | None = None, weighting: tuple[Sequence[float], NDArray[Any]] | None = None,
) -> Path:  # fmt: skip
    """Volumes (volume, z, y, x) as NIfTI-1, gzipped if the name ends so."""
    import nibabel

    stored = values.T if values.shape[0] > 1 else values[0].T
    image = nibabel.Nifti1Image(stored, np.diag([2.0, 2.0, 3.0, 1.0]) if affine is None else affine)
    image.header["descrip"] = PERSON["name"].encode()
    data = image.to_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    if sidecar is not None:
        said = {
            "PatientName": PERSON["name"],
            "PatientID": PERSON["id"],
            "InstitutionName": PERSON["institution"],
        }
        path.with_name(f"{stem}.json").write_text(json.dumps({**said, **sidecar}))
    if weighting is not None:
        np.savetxt(path.with_name(f"{stem}.bval"), np.atleast_2d(weighting[0]))
        np.savetxt(path.with_name(f"{stem}.bvec"), np.asarray(weighting[1]).T)
    return path


def write_fdf(path: Path, values: NDArray[np.float32]) -> Path:
    """One slice (y, x) as big-endian FDF, its byte order unstated as in old files."""
    rows, columns = values.shape
    head = (
        '#!/usr/local/fdf/startup\nfloat  rank = 2;\nchar  *storage = "float";\nfloat  bits = 32;\n'
        f"float  matrix[] = {{{columns}, {rows}}};\nfloat  roi[] = {{4.0, 4.5, 0.1}};\n"
        f'char  *file = "/export/home/{PERSON["name"]}/exp1";\nfloat  te = 0.004;\nfloat  tr = 0.1;\nfloat  ti = 0.0;\n'  # noqa: E501
    )
    path.write_bytes(head.encode() + b"\0" + values.astype(">f4").tobytes())
    return path


def write_rda(path: Path, fid: NDArray[np.complex128], dwell_us: float = 833.0) -> Path:
    """A decay (n,) of one voxel as .rda."""
    said = {
        "PatientName": PERSON["name"], "PatientID": PERSON["id"], "PatientBirthDate": PERSON["birth"],
        "StudyDate": PERSON["day"], "InstitutionName": PERSON["institution"], "ModelName": "Skyra",
        "SequenceName": "*svs_se", "TR": 2000.0, "TE": 30.0, "DwellTime": dwell_us, "NumberOfAverages": 64.0,
        "MRFrequency": 123.234655, "Nucleus": "1H", "MagneticFieldStrength": 3.0, "VectorSize": len(fid),
        **{f"CSIMatrixSize[{axis}]": 1 for axis in range(3)},
        **{f"RowVector[{axis}]": float(axis == 0) for axis in range(3)},
        **{f"ColumnVector[{axis}]": float(axis == 1) for axis in range(3)},
        "VOIPositionSag": 10.0, "VOIPositionCor": 20.0, "VOIPositionTra": 30.0,
        "PixelSpacingRow": 40.0, "PixelSpacingCol": 20.0, "PixelSpacing3D": 20.0,
    }  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    text = f">>> Begin of header <<<\r\n{head}>>> End of header <<<\r\n"
    path.write_bytes(text.encode() + np.conj(fid).astype("<c16").tobytes())
    return path


def write_table(path: Path) -> Path:
    """Signals of three voxels at three flip angles."""
    rows = [
        "label,FA,TR,s,R1,s0",
        *(f"WM voxel {number},2 5 12,0.01 0.01 0.01,{number} 2 3,1.0,9" for number in (1, 2, 3)),
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


def write_paravision(folder: Path, frames: NDArray[np.int16], slopes: Sequence[float]) -> Path:
    """Slices (n, y, x) as a ParaVision scan, each with a slope of its own; the scan's folder."""
    count, rows, columns = frames.shape
    inside = folder / "pdata" / "1"
    inside.mkdir(parents=True)
    (inside / "2dseq").write_bytes(frames.astype("<i2").tobytes())
    numbers = {
        "VisuCoreFrameCount": count, "VisuCoreWordType": "_16BIT_SGN_INT", "VisuCoreByteOrder": "littleEndian",  # noqa: E501
        "VisuSubjectName": f"( 65 )\n<{PERSON['name']}>", "VisuSubjectComment": f"( 65 )\n<{PERSON['comment']}>",  # noqa: E501
        "VisuInstitution": f"( 65 )\n<{PERSON['institution']}>", "VisuAcqDate": f"( 21 )\n<{PERSON['day']}>",
        "VisuCoreSize": f"( 2 )\n{columns} {rows}", "VisuCoreDimDesc": "( 2 )\nspatial spatial",
        "VisuCoreExtent": "( 2 )\n40 40", "VisuCoreFrameThickness": "( 1 )\n1.5", "VisuAcqEchoTime": "( 1 )\n16.5",  # noqa: E501
        "VisuCoreOrientation": f"( {count}, 9 )\n" + " ".join(["1 0 0 0 1 0 0 0 1"] * count),
        "VisuCorePosition": f"( {count}, 3 )\n" + " ".join(f"-20 -20 {2 * n}" for n in range(count)),
        "VisuCoreDataOffs": f"( {count} )\n" + " ".join(["0"] * count),
        "VisuCoreDataSlope": f"( {count} )\n" + " ".join(map(str, slopes)),
        "VisuFGOrderDesc": f"( 1 )\n({count}, <FG_SLICE>, <>, 0, 2)",
    }  # fmt: skip
    body = "".join(f"##${name}={value}\n" for name, value in numbers.items())
    (inside / "visu_pars").write_text(f"##TITLE=Parameter List\n##OWNER={PERSON['name']}\n{body}##END=\n")
    for name in ("acqp", "method"):
        (folder / name).write_text(
            f"##TITLE=Parameter List\n##$ACQ_operator=( 16 )\n<{PERSON['name']}>\n##END=\n"
        )
    return folder


def write_dicom(
    folder: Path, volumes: NDArray[np.uint16], echo_times_ms: Sequence[float], slope: float = 2.0
) -> Path:
    """Volumes (volume, z, y, x) as one file a slice, named so that names tell nothing; the folder."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    folder.mkdir(parents=True)
    number = 0
    for echo, volume in zip(echo_times_ms, volumes, strict=True):
        for level, plane in enumerate(volume):
            number += 1
            meta = FileMetaDataset()
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.4")
            meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number}")
            said = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
            said.SOPClassUID, said.SOPInstanceUID = meta.MediaStorageSOPClassUID, f"1.2.3.{number}"
            said.SeriesInstanceUID, said.SeriesNumber, said.InstanceNumber = "1.2.3", 4, number
            said.PatientName, said.PatientID, said.PatientBirthDate = (
                PERSON[name] for name in ("name", "id", "birth")
            )
            said.ReferringPhysicianName, said.InstitutionName = PERSON["physician"], PERSON["institution"]
            said.StudyDate, said.ImageComments = PERSON["day"], PERSON["comment"]
            said.Manufacturer, said.ManufacturerModelName = "MAKER", "Model 3"
            said.EchoTime, said.RepetitionTime, said.FlipAngle = echo, 2000.0, 90.0
            said.ImageType = ["ORIGINAL", "PRIMARY"]
            said.Rows, said.Columns = plane.shape
            said.PixelSpacing, said.SliceThickness = [1.5, 2.0], 3.0
            said.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            said.ImagePositionPatient = [-10.0, -12.0, 4.0 * level]
            said.BitsAllocated, said.BitsStored, said.HighBit, said.PixelRepresentation = 16, 16, 15, 0
            said.SamplesPerPixel, said.PhotometricInterpretation = 1, "MONOCHROME2"
            said.RescaleSlope, said.RescaleIntercept = slope, 1.0
            said.PixelData = np.ascontiguousarray(plane, "<u2").tobytes()
            said.save_as(folder / f"x{(number * 7919) % 1000:03d}", enforce_file_format=True)
    return folder


VOLUMES = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
FID = np.exp((2j * np.pi * 0.1 - 0.02) * np.arange(64)) * 1000
WEIGHTING = ((0.0, 1000.0), np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
GALLERY: dict[str, Callable[[Path], Path]] = {
    "nifti": lambda folder: write_nifti(
        folder / "a.nii", VOLUMES, sidecar={"EchoTime": 0.03}, weighting=WEIGHTING
    ),
    "nifti_packed": lambda folder: write_nifti(folder / "a.nii.gz", VOLUMES),
    "agilent_fdf": lambda folder: write_fdf(folder / "a.fdf", VOLUMES[0, 0].astype("f4")),
    "siemens_rda": lambda folder: write_rda(folder / "a.rda", FID),
    "mri_signal_table": lambda folder: write_table(folder / "a.csv"),
    "paravision": lambda folder: write_paravision(folder / "1", VOLUMES[0], (2.0, 2.0, 3.0)),
    "dicom": lambda folder: write_dicom(folder / "series", VOLUMES.astype("u2"), (10.0, 20.0)),
}
