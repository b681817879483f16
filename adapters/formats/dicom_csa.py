"""The header of its own, named CSA, that Siemens writes into DICOM files."""

from __future__ import annotations

import warnings
from typing import Any

from adapters.errors import CorruptFileError, LayoutError, MissingExtraError
from adapters.formats.dicom_part import Part


def csa_header(part: Part, tag: tuple[int, int]) -> dict[str, list[Any]]:
    """The maker's own header as lists by name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from nibabel.nicom import csareader
    except ImportError as error:
        raise MissingExtraError("nibabel", "mri") from error
    if tag not in part.said:
        raise LayoutError(part.path, "the maker's header that says what the pixels are is not there")
    try:
        found = csareader.read(part.said[tag].value)
    except csareader.CSAReadError as error:
        raise CorruptFileError(part.path, f"the maker's header cannot be read: {str(error)[:150]}") from error
    return {name: list(each["items"]) for name, each in found["tags"].items()}
