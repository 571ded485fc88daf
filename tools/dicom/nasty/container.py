"""Files whose preamble, File Meta group or end is missing or wrong (PS3.10 section 7.1)."""

import struct

from pydicom.uid import ImplicitVRLittleEndian

from .base import GROUP_LENGTH_VALUE, fresh, long, raw, body, uid

EXPLICIT_LITTLE = b"1.2.840.10008.1.2.1\0"


def implicit():
    dataset = fresh()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return raw(dataset, implicit_vr=True, little_endian=True)


def wrong_group_length():
    file = bytearray(raw(fresh()))
    length = struct.unpack("<I", file[GROUP_LENGTH_VALUE])[0]
    file[GROUP_LENGTH_VALUE] = struct.pack("<I", length + 6)
    return file


def meta_names_another_object():
    dataset = fresh()
    dataset.file_meta.MediaStorageSOPInstanceUID = uid("999.1")
    return raw(dataset, enforce=False)


def with_syntax(syntax):
    """The File Meta group claims `syntax`, as long as the true one, while the dataset stays explicit little endian."""
    return raw(fresh()).replace(EXPLICIT_LITTLE, syntax.ljust(len(EXPLICIT_LITTLE), b"\0"), 1)


def files():
    yield "00_ok", fresh()
    yield "01_no_preamble_has_meta", raw(fresh())[128:]
    yield "02_no_meta_explicit_le", body(raw(fresh()))
    yield "03_implicit_vr", implicit()
    yield "04_no_meta_implicit_le", body(implicit())
    yield "05_tiff_preamble", b"II*\0" + raw(fresh())[4:]
    yield "06_meta_group_length_wrong", wrong_group_length()
    yield "07_meta_sop_uid_differs", meta_names_another_object()
    yield "08_ts_says_implicit_but_explicit", with_syntax(b"1.2.840.10008.1.2")
    yield "09_ge_private_ts", with_syntax(b"1.2.840.113619.5.2")
    yield "10_unknown_ts", with_syntax(b"1.2.3.4.5.6.7.8.9.1")
    yield "11_zero_bytes", b""
    yield "12_text_file", b"this is not dicom\n" * 50
    yield "13_preamble_only", bytes(128) + b"DICM"
    yield "14_truncated_in_pixels", raw(fresh())[:-3000]
    yield "15_truncated_in_header", raw(fresh())[:900]
    yield "16_trailing_garbage", raw(fresh()) + b"GARBAGE!" * 20
    yield "17_trailing_dataset_padding", raw(fresh()) + long(b"\xfc\xff\xfc\xff", b"OB", bytes(64))
