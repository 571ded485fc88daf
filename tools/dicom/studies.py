#!/usr/bin/env python3
"""studies.py SOURCES OUT: writes the studies that the end-to-end tests and the demo carry from PACS to PACS.

Every study is consistent in itself (one patient, one date, UIDs that no other object has), so that any PACS takes it.
What differs is what the tests are about: modality, transfer syntax, frames, private attributes, character sets.
"""

import subprocess
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import pydicom
from pydicom.data import get_charset_files
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRBigEndian, ImplicitVRLittleEndian

from identity import identify, place
from volumes import slices

warnings.simplefilter("ignore")

PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
CODERS = {"jpeg-ls": ["dcmcjpls"], "jpeg-lossless": ["dcmcjpeg", "+e1"], "rle": ["dcmcrle"]}


class Corpus:
    """Where files come from, where studies go, and how many studies there are so far."""

    def __init__(self, sources, out):
        self.out, self.number = out, 0
        self.pydicom_data = sources / "pydicom-data"
        self.deid = sources / "deid-data"
        self.radiotherapy = sources / "dicompyler-core"
        self.volumes = sources / "pyradiomics" / "data"

    def study(self, name, series, keep_name=False):
        """Writes a study from {series name: datasets}."""
        self.number += 1
        for series_name, datasets in series.items():
            for index, dataset in enumerate(datasets):
                place(dataset, name, self.number, series_name, index, keep_name)
                self.write(dataset, f"{name}/{series_name}/{index + 1:04d}.dcm")

    def study_with_its_own_uids(self, name, paths):
        """Writes a study whose objects refer to one another: only patient and study attributes are made equal."""
        self.number += 1
        for path in paths:
            dataset = pydicom.dcmread(path)
            identify(dataset, name, self.number)
            self.write(dataset, f"{name}/{path.name}")

    def write(self, dataset, name):
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def read(folder, *names):
    return [pydicom.dcmread(next(folder.rglob(name))) for name in names]


def in_syntax(datasets, syntax):
    """Native pixels in another native transfer syntax; 16-bit words change their byte order with it."""
    for dataset in datasets:
        if syntax == ExplicitVRBigEndian:
            words = bytearray(dataset.PixelData)
            words[0::2], words[1::2] = words[1::2], words[0::2]
            dataset.PixelData = bytes(words)
        meta = dataset.file_meta
        meta.TransferSyntaxUID = syntax
        plain = pydicom.Dataset(dataset)
        plain.file_meta = meta
        yield plain


def encoded(datasets, coder):
    """Compresses with DCMTK, whose coders are not the ones of the programs under test."""
    with tempfile.TemporaryDirectory() as scratch:
        for dataset in datasets:
            native, coded = Path(scratch, "native.dcm"), Path(scratch, "coded.dcm")
            pydicom.dcmwrite(native, dataset, enforce_file_format=True)
            subprocess.run([*CODERS[coder], native, coded], check=True)
            yield pydicom.dcmread(coded)


def encapsulated_pdf(like):
    """A small PDF report in the DICOM object made for it."""
    page = zlib.compress(b"BT /F1 24 Tf 72 720 Td (Chest CT: no finding.) Tj ET")
    pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    pdf += b"2 0 obj<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream endobj\n" % (len(page), page)
    pdf += b"trailer<</Root 1 0 R>>\n%%EOF\n"
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = like.file_meta.TransferSyntaxUID
    dataset.SOPClassUID, dataset.Modality = EncapsulatedPDFStorage, "DOC"
    dataset.DocumentTitle, dataset.MIMETypeOfEncapsulatedDocument = "Report", "application/pdf"
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return dataset


def cross_sections(corpus):
    ct, mr = PYDICOM_FILES / "CT_small.dcm", PYDICOM_FILES / "MR_small.dcm"
    chest = [corpus.volumes / f"lung{n}_image.nrrd" for n in (1, 2)]
    brain = [corpus.volumes / f"brain{n}_image.nrrd" for n in (1, 2)]
    corpus.study("ct-chest", {"axial": slices(chest[0], ct, ct=True)})
    corpus.study("ct-chest-implicit", {"axial": in_syntax(slices(chest[1], ct, ct=True), ImplicitVRLittleEndian)})
    some = list(slices(chest[1], ct, ct=True))[20:32]
    corpus.study("ct-chest-compressed", {coder: encoded(some, coder) for coder in CODERS})
    corpus.study("mr-brain-big-endian", {"axial": in_syntax(slices(brain[0], mr, ct=False), ExplicitVRBigEndian)})
    corpus.study("mr-brain", {"axial": slices(brain[1], mr, ct=False)})
    enhanced = ["emri_small.dcm", "emri_small_big_endian.dcm", "emri_small_jpeg_2k_lossless.dcm"]
    enhanced += ["emri_small_jpeg_ls_lossless.dcm", "emri_small_RLE.dcm", "eCT_Supplemental.dcm"]
    corpus.study("enhanced-multiframe", {Path(name).stem: read(corpus.pydicom_data, name) for name in enhanced})
    corpus.study("mr-private-overlay", {"overlay": read(corpus.pydicom_data, "MR-SIEMENS-DICOM-WithOverlays.dcm")})


def projections(corpus):
    plates = ["RG1_UNCR.dcm", "RG1_J2KR.dcm", "RG1_J2KI.dcm", "RG3_UNCR.dcm", "RG3_J2KR.dcm"]
    corpus.study("cr-plates", {Path(name).stem: read(corpus.pydicom_data, name) for name in plates})
    corpus.study("dx-cat", {"dx": read(corpus.deid, "cat.dcm")})


def ultrasound(corpus):
    corpus.study("us-cine-colour", {"cine": read(corpus.deid, "RGB_CINE.dcm"), "still": read(corpus.deid, "RGB_IMAGE.dcm")})
    corpus.study("us-cine-grey", {"cine": read(corpus.deid, "GREYSCALE_CINE.dcm")})
    mixed = ["US1_UNCR.dcm", "US1_J2KR.dcm", "US1_J2KI.dcm", "OBXXXX1A_rle_2frame.dcm", "gdcm-US-ALOKA-16_big.dcm"]
    mixed += ["color3d_jpeg_baseline.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm"]
    corpus.study("us-mixed-syntaxes", {Path(name).stem: read(corpus.pydicom_data, name) for name in mixed})


def captures_and_documents(corpus):
    jpeg = read(corpus.deid, *(f"image{n}.dcm" for n in range(1, 8)))
    for photo in jpeg:
        photo.Modality = "SC"
    corpus.study("sc-jpeg", {"photos": jpeg})
    small = ["image_dfl.dcm", "SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_jpeg_gdcm.dcm"]
    small += ["JPEG2000.dcm", "JPGExtended.dcm", "SC_ybr_full_422_uncompressed.dcm"]
    corpus.study("sc-mixed-syntaxes", {Path(name).stem: read(PYDICOM_FILES, name) for name in small})
    reports = read(PYDICOM_FILES, "reportsi.dcm", "test-SR.dcm")
    documents = {"reports": reports, "pdf": [encapsulated_pdf(reports[0])], "ecg": read(PYDICOM_FILES, "waveform_ecg.dcm")}
    corpus.study("documents", documents)


def character_sets(corpus):
    """One study each: a patient's name in two character sets would not be one patient."""
    for path in sorted(map(Path, get_charset_files("*.dcm"))):
        dataset = pydicom.dcmread(path)
        if "SOPClassUID" in dataset:
            corpus.study(f"charset-{path.stem}", {"only": [dataset]}, keep_name=True)


def main(sources, out):
    corpus = Corpus(sources, out)
    cross_sections(corpus)
    projections(corpus)
    ultrasound(corpus)
    captures_and_documents(corpus)
    example = next(corpus.radiotherapy.rglob("example_data"))
    corpus.study_with_its_own_uids("radiotherapy", sorted(example.glob("*.dcm")))
    character_sets(corpus)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
