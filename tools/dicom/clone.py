#!/usr/bin/env python3
"""clone.py TEMPLATES OUT: multiplies a directory of DICOM files into any number of studies, series and instances.

A template is parsed once. A clone is its bytes with new UIDs, patient, accession number, date and instance number
written over placeholders of the same width, so that making one costs a copy. The same options give the same files.
"""

import argparse
import datetime
import hashlib
import io
import warnings
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path

import numpy as np
import pydicom

warnings.simplefilter("ignore")

UID_WIDTH = 44
FAMILIES = "Berger Okafor Lindqvist Tanaka Moreau Novak Haddad Silva Petrov Nguyen Rossi Kowalski Murphy Hansen".split()


def placeholder_uid(number):
    return f"2.25.{'9' * 30}{number:09d}"


# What a clone gets of its own; the values are what stands in the template, as wide as any value that replaces them.
PLACEHOLDERS = {
    "SOPInstanceUID": placeholder_uid(1),
    "StudyInstanceUID": placeholder_uid(2),
    "SeriesInstanceUID": placeholder_uid(3),
    "PatientID": "@PID00000001",
    "PatientName": "@Name^Aaaaaaaaaaaaaaaaaa",
    "AccessionNumber": "@ACC00000001",
    "StudyDate": "19010101",
    "InstanceNumber": "99990001",
}


@dataclass
class Plane:
    """Where the native pixels of a single-frame template lie."""

    offset: int
    rows: int
    columns: int
    bytes_per_pixel: int


class Template:
    """A file with placeholders, and the offsets at which they stand."""

    def __init__(self, path):
        dataset = pydicom.dcmread(path)
        for keyword, value in PLACEHOLDERS.items():
            setattr(dataset, keyword, value)
        dataset.StudyID = "1"
        dataset.file_meta.MediaStorageSOPInstanceUID = PLACEHOLDERS["SOPInstanceUID"]
        buffer = io.BytesIO()
        pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
        self.bytes = buffer.getvalue()
        self.pixels_at = self.bytes.rfind(b"\xe0\x7f\x10\x00")
        self.offsets = {keyword: self.find(value.encode()) for keyword, value in PLACEHOLDERS.items()}
        if len(self.offsets["SOPInstanceUID"]) != 2 or any(not found for found in self.offsets.values()):
            raise SystemExit(f"{path}: cannot be a template, a placeholder was not written as it is")
        self.plane = self.find_plane(dataset)

    def find(self, value):
        head = self.bytes[: self.pixels_at] if self.pixels_at > 0 else self.bytes
        return [at for at in range(len(head)) if head.startswith(value, at)]

    def find_plane(self, dataset):
        native = not dataset.file_meta.TransferSyntaxUID.is_encapsulated
        if not native or "PixelData" not in dataset or int(dataset.get("NumberOfFrames", 1) or 1) != 1:
            return None
        width = dataset.BitsAllocated // 8 * dataset.get("SamplesPerPixel", 1)
        offset = self.bytes.index(dataset.PixelData, self.pixels_at)
        return Plane(offset, dataset.Rows, dataset.Columns, width)

    def clone(self, values, roll):
        """The template with `values` in it; `roll` also shifts the image, so that no two clones share their pixels."""
        copy = bytearray(self.bytes)
        for keyword, value in values.items():
            width = len(PLACEHOLDERS[keyword])
            for at in self.offsets[keyword]:
                copy[at : at + width] = value.encode().ljust(width)[:width]
        if roll and self.plane:
            self.roll(copy, int(values["SOPInstanceUID"][-12:]))
        return copy

    def roll(self, copy, shift):
        plane = self.plane
        width = plane.columns * plane.bytes_per_pixel
        pixels = np.frombuffer(copy, np.uint8, plane.rows * width, plane.offset).reshape(plane.rows, width)
        down, right = shift % plane.rows, shift // plane.rows % plane.columns
        pixels[:] = np.roll(pixels, (down, right * plane.bytes_per_pixel), axis=(0, 1))


def uid(prefix, *key):
    digest = hashlib.blake2b(f"{prefix}{key}".encode(), digest_size=16).digest()
    return "2.25." + str(int.from_bytes(digest, "big") | 1 << 127)


def write_studies(options, templates, worker):
    start = datetime.datetime.strptime(options.start, "%Y%m%d").date()
    for study in range(worker, options.studies, options.jobs):
        day = start + datetime.timedelta(days=study // options.per_day)
        values = {
            "StudyInstanceUID": uid(options.prefix, "study", study),
            "PatientID": f"P{options.prefix:0>3.3}{study:08d}",
            "PatientName": f"{FAMILIES[study % len(FAMILIES)]}^{study:07d}",
            "AccessionNumber": f"A{study:011d}",
            "StudyDate": day.strftime("%Y%m%d"),
        }
        for series in range(options.series):
            values["SeriesInstanceUID"] = uid(options.prefix, "series", study, series)
            write_series(options, templates, values, (study, series))


def write_series(options, templates, values, place):
    study, series = place
    folder = options.out / f"{study:06d}" / f"{series:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    for instance in range(options.instances):
        template = templates[(series * options.instances + instance) % len(templates)]
        values["SOPInstanceUID"] = uid(options.prefix, "instance", study, series, instance)
        values["InstanceNumber"] = str(instance + 1)
        (folder / f"{instance:06d}.dcm").write_bytes(template.clone(values, options.roll))


def arguments():
    parser = argparse.ArgumentParser(prog="clone", description=__doc__.splitlines()[0].split(": ")[1])
    parser.add_argument("templates", type=Path, help="folder of DICOM files to multiply")
    parser.add_argument("out", type=Path, help="folder to fill: STUDY/SERIES/INSTANCE.dcm")
    for name, default in {"studies": 10, "series": 2, "instances": 50, "per-day": 20, "jobs": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--roll", action="store_true", help="shift each image, so that clones do not compress as copies")
    parser.add_argument("--start", default="20200101", help="study date of the first study")
    parser.add_argument("--prefix", default="A", help="another prefix gives other UIDs and patients")
    return parser.parse_args()


def main():
    options = arguments()
    templates = [Template(path) for path in sorted(options.templates.rglob("*.dcm"))]
    if not templates:
        raise SystemExit(f"{options.templates}: no *.dcm file to clone")
    workers = [Process(target=write_studies, args=(options, templates, worker)) for worker in range(options.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("cloning failed, see above")


if __name__ == "__main__":
    main()
