"""What every odd file starts from: a small valid MR or CT object of pydicom, and ways to reach its raw bytes."""

import io
import struct
import warnings
from pathlib import Path

import pydicom
from pydicom import config

config.settings.writing_validation_mode = config.IGNORE
config.settings.reading_validation_mode = config.IGNORE
warnings.simplefilter("ignore")

PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
META_START = 132  # the preamble and "DICM"
GROUP_LENGTH_VALUE = slice(140, 144)
PATIENT_NAME = b"\x10\0\x10\0PN"
PIXEL_DATA = b"\xe0\x7f\x10\0"
UNDEFINED = b"\xff\xff\xff\xff"
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\0\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"

_made = 0


def uid(suffix):
    return f"1.2.826.0.1.3680043.10.1234.{suffix}"


def fresh(name="MR_small.dcm", study="1"):
    """A valid dataset that no other call returned; all belong to one study and patient unless said."""
    global _made
    _made += 1
    dataset = pydicom.dcmread(PYDICOM_FILES / name)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(f"1.{study}"), uid(f"2.{study}")
    dataset.PatientID, dataset.PatientName = "NASTY", "Nasty^Corpus"
    return named(dataset, uid(f"3.{_made}"))


def named(dataset, sop_uid):
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = sop_uid
    return dataset


def changed(**attributes):
    """A fresh dataset with some attributes set."""
    dataset = fresh()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def without(*keywords):
    dataset = fresh()
    for keyword in keywords:
        delattr(dataset, keyword)
    return dataset


def raw(dataset, enforce=True, **how):
    """The dataset as a Part 10 file."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=enforce, **how)
    return buffer.getvalue()


def body(file):
    """The dataset bytes behind the File Meta group of a Part 10 file."""
    return file[144 + struct.unpack("<I", file[GROUP_LENGTH_VALUE])[0] :]


def before(mark, file, elements):
    """Puts raw elements in front of the last occurrence of `mark`."""
    at = file.rfind(mark)
    return file[:at] + elements + file[at:]


def short(tag, vr, value):
    """One explicit little endian element with a 16-bit length."""
    return tag + vr + struct.pack("<H", len(value)) + value


def long(tag, vr, value):
    """One explicit little endian element with a 32-bit length."""
    return tag + vr + b"\0\0" + struct.pack("<I", len(value)) + value
