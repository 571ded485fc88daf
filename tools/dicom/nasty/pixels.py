"""Files whose pixel data is missing, lies about its size or is badly encapsulated (PS3.5 annex A), and objects other than images."""

import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import (DeflatedExplicitVRLittleEndian, EncapsulatedPDFStorage, JPEGLosslessSV1, JPEGLSLossless,
                         MPEG2MPML, MPEG4HP41BD, VideoEndoscopicImageStorage)

from .base import ITEM, PIXEL_DATA, PYDICOM_FILES, SEQUENCE_END, UNDEFINED, changed, fresh, named, raw, uid, without

EMPTY_OFFSET_TABLE = ITEM + bytes(4)


def compressed(syntax, fragments, **how):
    """An object that claims to be compressed with `syntax`; no decoder will read its fragments."""
    dataset = fresh()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(fragments, **how)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def with_encapsulation(fragments):
    """A JPEG-LS object with hand-made fragments."""
    file = raw(compressed(JPEGLSLossless, [bytes(10)]))
    head = file[: file.rfind(PIXEL_DATA + b"OB")]
    return head + PIXEL_DATA + b"OB\0\0" + UNDEFINED + EMPTY_OFFSET_TABLE + fragments + SEQUENCE_END


def video(syntax):
    dataset = compressed(syntax, [bytes(range(256)) * 400])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = VideoEndoscopicImageStorage
    dataset.Modality, dataset.NumberOfFrames = "ES", "100"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    return dataset


def document():
    dataset = fresh()
    for element in list(dataset):
        if element.tag.group in (0x0018, 0x0028, 0x7FE0):
            del dataset[element.tag]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    dataset.Modality, dataset.MIMETypeOfEncapsulatedDocument = "DOC", "application/pdf"
    dataset.EncapsulatedDocument = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    return dataset


def private_class():
    dataset = fresh()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = uid("99")
    return dataset


def deflated():
    dataset = fresh()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dataset


def big_endian():
    dataset = named(pydicom.dcmread(PYDICOM_FILES / "MR_small_bigendian.dcm"), uid("3.8888"))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.PatientID = uid("1.1"), uid("2.1"), "NASTY"
    return dataset


def files():
    yield "80_pixeldata_zero_length", changed(PixelData=b"")
    yield "81_no_pixeldata", without("PixelData")
    yield "82_rows_zero", changed(Rows=0)
    yield "83_rows_cols_lie", changed(Rows=60000, Columns=60000)
    junk = b"\xff\xd8" + b"junk" * 10 + b"\xff\xd9"
    yield "84_jpegll_garbage_bitstream", compressed(JPEGLosslessSV1, [junk])
    yield "85_jpegll_empty_bot", compressed(JPEGLosslessSV1, [b"\xff\xd8\xff\xd9"], has_bot=False)
    yield "86_encapsulated_no_seq_delim", raw(compressed(JPEGLSLossless, [bytes(10)]))[: -len(SEQUENCE_END)]
    yield "87_encapsulated_zero_fragments", with_encapsulation(b"")
    yield "88_fragment_odd_length", with_encapsulation(ITEM + b"\x03\0\0\0abc")
    yield "90_h264_video", video(MPEG4HP41BD)
    yield "91_mpeg2_video", video(MPEG2MPML)
    yield "92_encapsulated_pdf", document()
    yield "93_private_sop_class", private_class()
    yield "94_deflated", deflated()
    yield "95_big_endian", big_endian()
