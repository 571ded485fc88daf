"""Turns the human CT and MR volumes of the pyradiomics package into DICOM series behind a real scanner's header."""

import copy

import nrrd
import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian

IMAGE_PIXEL, PIXEL_DATA = 0x0028, 0x7FE0


def slices(path, header, ct):
    """Yields one dataset per axial slice of the volume at `path`, with the other attributes of the file `header`."""
    volume, geometry = nrrd.read(str(path))
    spacing = np.abs(np.diag(np.array(geometry["space directions"], float)))
    template = without_image(pydicom.dcmread(header))
    planes = np.transpose(volume, (2, 1, 0))
    if ct:
        # as scanners store it: 12 bits unsigned, and the offset in Rescale Intercept
        planes = np.clip(planes.astype(np.int32) + 1024, 0, 4095).astype("<u2")
    else:
        planes = planes.astype("<i2")
    for index, plane in enumerate(planes):
        yield image(copy.deepcopy(template), plane, index, spacing, ct)


def without_image(dataset):
    """Drops everything that describes the template's own pixels."""
    for tag in list(dataset.keys()):
        if tag.group in (IMAGE_PIXEL, PIXEL_DATA):
            del dataset[tag]
    return dataset


def image(dataset, plane, index, spacing, ct):
    """Puts one plane of pixels, and where it lies in the patient, into `dataset`."""
    bits = 12 if ct else 16
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = plane.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = 0 if ct else 1
    dataset.PixelSpacing = [f"{spacing[0]:.4f}"] * 2
    dataset.SliceThickness = f"{spacing[2]:.2f}"
    dataset.ImagePositionPatient = ["0", "0", f"{index * spacing[2]:.2f}"]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    if ct:
        dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.PixelData = np.ascontiguousarray(plane).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset
