"""Writers of small files of mass spectrometry, always the same bytes."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Spectrum = tuple[Sequence[float], Sequence[float]]
UUID = bytes(range(16))


@dataclass(frozen=True)
class Scan:
    """One profile spectrum of a run and its time; one of fragments has the m/z of their precursor."""

    seconds: float
    mz: Sequence[float]
    intensity: Sequence[float]
    precursor: float | None = None


def write_mzml(path: Path, scans: Sequence[Scan], *, squeeze: bool = True) -> Path:
    """A run as mzML, its arrays packed by zlib if `squeeze`; times are written in minutes."""
    spectra = []
    for index, scan in enumerate(scans):
        isolated = "" if scan.precursor is None else _isolated(scan.precursor)
        arrays = "".join(
            _array(accession, values, kind, squeeze=squeeze)
            for accession, values, kind in (
                ("MS:1000514", scan.mz, "<f8"),
                ("MS:1000515", scan.intensity, "<f4"),
            )
        )
        spectra.append(
            f'<spectrum id="scan={index}" index="{index}" defaultArrayLength="{len(scan.mz)}">'
            '<referenceableParamGroupRef ref="common"/>'
            f'<cvParam accession="MS:1000511" value="{1 if scan.precursor is None else 2}"/>'
            f'<scanList><scan><cvParam accession="MS:1000016" value="{scan.seconds / 60}" '
            f'unitAccession="UO:0000031"/></scan></scanList>{isolated}'
            f"<binaryDataArrayList>{arrays}</binaryDataArrayList></spectrum>"
        )
    path.write_text(
        '<?xml version="1.0"?><mzML xmlns="http://psi.hupo.org/ms/mzml"><referenceableParamGroupList>'
        '<referenceableParamGroup id="common"><cvParam accession="MS:1000128"/></referenceableParamGroup>'
        f"</referenceableParamGroupList><run><spectrumList>{''.join(spectra)}</spectrumList></run></mzML>\n"
    )
    return path


def _isolated(mz: float) -> str:
    ion = f'<selectedIon><cvParam accession="MS:1000744" value="{mz}"/></selectedIon>'
    return f"<precursorList><precursor><selectedIonList>{ion}</selectedIonList></precursor></precursorList>"


def _array(accession: str, values: Sequence[float], kind: str, *, squeeze: bool) -> str:
    data = np.asarray(values, kind).tobytes()
    packed = base64.b64encode(zlib.compress(data) if squeeze else data).decode()
    terms = (
        "MS:1000574" if squeeze else "MS:1000576",
        "MS:1000523" if kind == "<f8" else "MS:1000521",
        accession,
    )
    said = "".join(f'<cvParam accession="{each}"/>' for each in terms)
    return f"<binaryDataArray>{said}<binary>{packed}</binary></binaryDataArray>"


def write_imzml(path: Path, pixels: dict[tuple[int, int], Spectrum], *, continuous: bool = False) -> Path:
    """Profile spectra at (x, y) as imzML with its .ibd; continuous stores the m/z of the first for all."""
    data = bytearray(UUID)
    spectra = []
    shared: tuple[int, int] | None = None
    for index, ((x, y), (mz, intensity)) in enumerate(pixels.items()):
        if continuous and shared is not None:
            place = shared
        else:
            place = (len(data), len(mz))
            data += np.asarray(mz, "<f8").tobytes()
            shared = place
        where = (len(data), len(intensity))
        data += np.asarray(intensity, "<f4").tobytes()
        arrays = "".join(
            f'<binaryDataArray><referenceableParamGroupRef ref="{name}"/>'
            f'<cvParam accession="IMS:1000103" value="{count}"/>'
            f'<cvParam accession="IMS:1000102" value="{start}"/><binary/></binaryDataArray>'
            for name, (start, count) in (("mz", place), ("intensity", where))
        )
        spectra.append(
            f'<spectrum id="Scan={index}" index="{index}" defaultArrayLength="0">'
            f'<cvParam accession="MS:1000285" value="{float(np.sum(intensity))}"/><scanList><scan>'
            f'<cvParam accession="IMS:1000050" value="{x}"/><cvParam accession="IMS:1000051" value="{y}"/>'
            f"</scan></scanList><binaryDataArrayList>{arrays}</binaryDataArrayList></spectrum>"
        )
    path.with_suffix(".ibd").write_bytes(bytes(data))
    mode = "IMS:1000030" if continuous else "IMS:1000031"
    path.write_text(
        '<?xml version="1.0"?><mzML xmlns="http://psi.hupo.org/ms/mzml"><fileDescription><fileContent>'
        f'<cvParam accession="MS:1000128"/><cvParam accession="IMS:1000080" value="{UUID.hex()}"/>'
        f'<cvParam accession="IMS:1000091" value="{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"/>'
        f'<cvParam accession="{mode}"/></fileContent></fileDescription><referenceableParamGroupList>'
        f"{_group('mz', 'MS:1000514', 'MS:1000523')}{_group('intensity', 'MS:1000515', 'MS:1000521')}"
        '</referenceableParamGroupList><scanSettingsList><scanSettings id="s">'
        '<cvParam accession="IMS:1000046" value="50"/></scanSettings></scanSettingsList>'
        f"<run><spectrumList>{''.join(spectra)}</spectrumList></run></mzML>\n"
    )
    return path


def _group(name: str, content: str, kind: str) -> str:
    terms = "".join(f'<cvParam accession="{each}"/>' for each in ("MS:1000576", content, kind))
    return f'<referenceableParamGroup id="{name}">{terms}</referenceableParamGroup>'


RANGE, SAMPLES = (300.0, 1500.0), 200000


def write_tsf(folder: Path, pixels: dict[tuple[int, int], Spectrum], *, closed: bool = True) -> Path:
    """Line spectra (digitiser index, intensity) at (x, y) as a TSF folder; m/z runs from 300 to 1500."""
    from zstandard import ZstdCompressor

    folder.mkdir()
    data = bytearray(b"\0" * 64)
    rows: list[tuple[Any, ...]] = []
    for number, ((x, y), (index, intensity)) in enumerate(pixels.items(), start=1):
        line = np.asarray(index, "<f8").tobytes() + np.asarray(intensity, "<f4").tobytes()
        packed = ZstdCompressor().compress(line) if len(index) else b""
        top, total = (float(np.max(intensity)), float(np.sum(intensity))) if len(index) else (0.0, 0.0)
        rows.append((number, x, y, len(data), top, total, len(index)))
        data += struct.pack("<II", 8 + len(packed), len(packed)) + packed
    (folder / "analysis.tsf_bin").write_bytes(bytes(data))
    with closing(sqlite3.connect(folder / "analysis.tsf")) as base:
        base.executescript(
            "create table GlobalMetadata (Key text, Value text);"
            "create table Frames (Id int, Time real, Polarity text, TimsId int, MaxIntensity real,"
            " SummedIntensities real, NumPeaks int, MzCalibration int);"
            "create table MaldiFrameInfo (Frame int, XIndexPos int, YIndexPos int);"
            "create table MaldiFrameLaserInfo (BeamScanSizeX real, BeamScanSizeY real);"
            "create table MzCalibration (Id int, ModelType int, DigitizerTimebase real, DigitizerDelay real,"
            " C0 real, C1 real, C2 real);"
        )
        said = {
            "SchemaType": "TSF",
            "TimsCompressionType": "3",
            "ClosedProperly": "1" if closed else "0",
            "MzAcqRangeLower": str(RANGE[0]),
            "MzAcqRangeUpper": str(RANGE[1]),
            "DigitizerNumSamples": str(SAMPLES),
            "InstrumentName": "timsTOF test",
        }
        base.executemany("insert into GlobalMetadata values (?, ?)", said.items())
        base.executemany(
            "insert into Frames values (?, ?, '-', ?, ?, ?, ?, 1)",
            [
                (number, 0.1 * number, place, top, total, peaks)
                for number, _, _, place, top, total, peaks in rows
            ],
        )
        base.executemany("insert into MaldiFrameInfo values (?, ?, ?)", [row[:3] for row in rows])
        base.execute("insert into MaldiFrameLaserInfo values (20.0, 20.0)")
        slope = 2500.0
        delay = 100.0 + slope * RANGE[0] ** 0.5
        step = slope * (RANGE[1] ** 0.5 - RANGE[0] ** 0.5) / SAMPLES
        base.execute(
            "insert into MzCalibration values (1, 1, ?, ?, 100.0, ?, 0.0)", (step, delay, 1e12 / slope**2)
        )
        base.commit()
    return folder


DYNAMX_HEAD = (
    "Protein,Start,End,Sequence,Modification,Fragment,MaxUptake,MHP,State,Exposure,Center,Center SD,"
    "Uptake,Uptake SD,RT,RT SD"
)


def write_dynamx(path: Path, rows: Sequence[tuple[int, int, str, str, float, float, float]]) -> Path:
    """Rows of start, end, sequence, state, exposure (min), uptake and its error (Da)."""
    lines = [
        f"Protein,{start},{end},{sequence},,,{len(sequence) - 1},1000.5,{state},{time},1001.0,0.01,"
        f"{uptake},{error},5.5,0.01"
        for start, end, sequence, state, time, uptake, error in rows
    ]
    path.write_text("\n".join([DYNAMX_HEAD, *lines]) + "\n")
    return path


HXMS_HEAD = (
    "HEADER       HX/MS DATA FORMAT v1.0 2026-01-31\nHEADER       Hydrogen Exchange Mass Spectrometry Data\n"
    "METADATA     PROTEIN_SEQUENCE      {sequence}\nMETADATA     PROTEIN_NAME          Protein\n"
    "METADATA     PROTEIN_STATE         {state}\nMETADATA     TEMPERATURE(K)        293.0\n"
    "METADATA     pH(READ)              7.0\nMETADATA     D2O_SATURATION        0.9\n"
)


def write_hxms(
    path: Path,
    rows: Sequence[tuple[int, int, int, float, float]],
    sequence: str = "MTFQIQRIYPEPTIDEK",
    state: str = "apo",
    forms: Sequence[tuple[str, str]] = (),
) -> Path:
    """Rows of start, end, replicate, exposure (s) and uptake (Da), in the widths that PFLink writes.

    `forms` has for each row its population and the number of its modification, A and 0000 by default.
    """
    named = list(forms) or [("A", "0000")] * len(rows)
    lines = [
        f"{'TP':<12}{index:<8}{population:<6}{start:<7}{end:<7}{replicate:<5}{modification:<8}"
        f"{exposure:<16.6e}{uptake:<9.2f}"
        for index, ((start, end, replicate, exposure, uptake), (population, modification)) in enumerate(
            zip(rows, named, strict=True), start=1
        )
    ]
    title = "TITLE_TP    INDEX   MOD   START  END    REP  PTM_ID  TIME(Sec)       UPTAKE   ENVELOPE"
    modifications = ["TITLE_PTM   PTM_ID  CONTENT", "PTM         0000    nan", "PTM         0001    Phospho"]
    head = HXMS_HEAD.format(sequence=sequence, state=state)
    path.write_text(head + "\n".join([title, *lines, *modifications]) + "\n")
    return path


XIFDR_HEAD = (
    "PSMID,run,scan,exp charge,exp m/z,exp mass,match mass,Protein1,Protein2,PepSeq1,PepSeq2,LinkPos1,"
    "ProteinLinkPos1,ProteinLinkPos2,Crosslinker,CrosslinkerModMass,Score,isDecoy,fdr"
)


def write_xifdr(path: Path, rows: Sequence[tuple[str, int, str, int, bool]]) -> Path:
    """Rows of protein and residue of both ends, and whether the match is a decoy; masses hold commas."""
    lines = [
        f'{number},run one,{100 + number},4,949.77,"3,795.06","3,795.07",{first},{second},PEPK,KPEP,1,'
        f"{one},{two},BS3,138.06807,20.5,{str(decoy).lower()},0.01"
        for number, (first, one, second, two, decoy) in enumerate(rows)
    ]
    path.write_text("\n".join([XIFDR_HEAD, *lines]) + "\n")
    return path


def write_mzidentml(path: Path) -> Path:
    """One cross-linked pair: residue 5 + 3 - 1 of P1 to residue 20 + 2 - 1 of P2, from scan 42."""
    peptides = "".join(
        f'<Peptide id="p{k}"><PeptideSequence>{sequence}</PeptideSequence>'
        f'<Modification location="{place}" monoisotopicMassDelta="{mass}"><cvParam accession="{role}"/>'
        "</Modification></Peptide>"
        for k, sequence, place, mass, role in (
            (1, "AKKA", 3, 158.0, "MS:1002509"),
            (2, "GKG", 2, 0.0, "MS:1002510"),
        )
    )
    items = "".join(
        f'<SpectrumIdentificationItem chargeState="4" experimentalMassToCharge="500.5" peptide_ref="p{k}">'
        '<cvParam accession="MS:1002511" value="1"/><cvParam accession="MS:1002545" value="12.5"/>'
        "</SpectrumIdentificationItem>"
        for k in (1, 2)
    )
    path.write_text(
        '<?xml version="1.0"?><MzIdentML xmlns="http://psidev.info/psi/pi/mzIdentML/1.2">'
        '<DBSequence id="d1" accession="P1"/><DBSequence id="d2" accession="P2"/>'
        f"{peptides}"
        '<PeptideEvidence peptide_ref="p1" dBSequence_ref="d1" start="5" isDecoy="false"/>'
        '<PeptideEvidence peptide_ref="p2" dBSequence_ref="d2" start="20" isDecoy="false"/>'
        '<SpectraData id="s1" location="C:\\data\\recal_a.mzML"/>'
        f'<SpectrumIdentificationResult id="r1" spectraData_ref="s1">{items}'
        '<cvParam accession="MS:1000797" value="42"/></SpectrumIdentificationResult></MzIdentML>\n'
    )
    return path


def write_idxml(path: Path, rows: Sequence[tuple[str, int, float, float]]) -> Path:
    """Rows of sequence, charge, m/z and time (s)."""
    hits = "".join(
        f'<PeptideIdentification MZ="{mz}" RT="{time}"><PeptideHit score="0.1" sequence="{sequence}" '
        f'charge="{charge}"/></PeptideIdentification>'
        for sequence, charge, mz, time in rows
    )
    path.write_text(
        f'<?xml version="1.0"?><IdXML version="1.3"><IdentificationRun search_engine="TEST">{hits}'
        "</IdentificationRun></IdXML>\n"
    )
    return path


PIXELS: dict[tuple[int, int], Spectrum] = {
    (x, y): (np.linspace(100, 200, 12).tolist(), (np.arange(12.0) + x + y).tolist())
    for x in (1, 2)
    for y in (1, 2)
}
EXCHANGED = [
    (9, 17, "MTFQIQRIY", "apo", time, uptake, 0.1) for time, uptake in ((0.0, 0.0), (0.5, 3.1), (10.0, 4.2))
]
GALLERY: dict[str, Callable[[Path], Path]] = {
    "imzml": lambda folder: write_imzml(folder / "a.imzML", PIXELS),
    "imzml_continuous": lambda folder: write_imzml(folder / "a.imzML", PIXELS, continuous=True),
    "bruker_tsf": lambda folder: write_tsf(folder / "a.d", {(1, 1): ([50.0, 900.0], [3.0, 4.0])}),
    "dynamx": lambda folder: write_dynamx(folder / "a.csv", EXCHANGED),
    "hxms": lambda folder: write_hxms(folder / "a.hxms", [(9, 17, 1, 60.0, 3.1), (9, 17, 1, np.inf, 4.2)]),
    "xifdr": lambda folder: write_xifdr(folder / "a.csv", [("A", 1, "B", 2, False), ("A", 3, "B", 4, True)]),
    "mzidentml": lambda folder: write_mzidentml(folder / "a.mzid"),
    "idxml": lambda folder: write_idxml(folder / "a.idXML", [("PEPTIDEK", 2, 464.25, 2321.5)]),
}
