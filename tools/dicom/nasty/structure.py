"""Files whose elements are nested, ordered, sized or encoded in ways that break careless parsers (PS3.5 section 7)."""

import random

from pydicom.sequence import Sequence

from .base import (ITEM, ITEM_END, PATIENT_NAME, PIXEL_DATA, SEQUENCE_END, UNDEFINED, before, changed, fresh, long, raw,
                   short)

CONTENT_SEQUENCE = b"\x40\0\x30\xa7SQ\0\0"
CODE_VALUE = b"\x08\0\0\x01"
PRIVATE_CREATOR = short(b"\x09\0\x10\0", b"LO", b"NASTY ")


def nest(depth, undefined):
    """A sequence in an item in a sequence, `depth` times."""
    inner = short(CODE_VALUE, b"SH", b"x ")
    for _ in range(depth):
        if undefined:
            inner = CONTENT_SEQUENCE + UNDEFINED + ITEM + UNDEFINED + inner + ITEM_END + SEQUENCE_END
        else:
            item = ITEM + len(inner).to_bytes(4, "little") + inner
            inner = CONTENT_SEQUENCE + len(item).to_bytes(4, "little") + item
    return inner


def unknown_as_sequence():
    """UN of undefined length is a sequence in implicit VR (PS3.5 section 6.2.2 note 2)."""
    implicit_code = CODE_VALUE + (2).to_bytes(4, "little") + b"x "
    content = ITEM + UNDEFINED + implicit_code + ITEM_END + SEQUENCE_END
    return PRIVATE_CREATOR + b"\x09\0\x10\x10UN\0\0" + UNDEFINED + content


def added(tag, vr, value):
    dataset = fresh()
    dataset.add_new(tag, vr, value)
    return dataset


def long_texts():
    dataset = added(0x00189999, "UC", "z" * 100_000)
    dataset.add_new(0x0040A160, "UT", "t" * 200_000)
    return dataset


def with_element(element):
    return before(PATIENT_NAME, raw(fresh()), element)


def files():
    for depth in (20, 200, 2000):
        yield f"60_nest_{depth}_undefined", before(PIXEL_DATA, raw(fresh()), nest(depth, undefined=True))
        yield f"61_nest_{depth}_defined", before(PIXEL_DATA, raw(fresh()), nest(depth, undefined=False))
    yield "62_private_no_creator", added(0x00091001, "UN", b"\x01\x02" * 50)
    yield "63_un_undefined_length_private_sq", with_element(unknown_as_sequence())
    noise = random.Random(1).randbytes(20_000_000)
    yield "64_private_ob_20MB", with_element(PRIVATE_CREATOR + long(b"\x09\0\x11\x10", b"OB", noise))
    yield "65_group_lengths_everywhere", with_element(short(b"\x10\0\0\0", b"UL", b"\x10\0\0\0"))
    yield "66_tags_out_of_order", with_element(short(b"\x08\0\x50\0", b"SH", b"ACC1"))
    yield "67_duplicate_tag", with_element(short(b"\x10\0\x20\0", b"LO", b"OTHER "))
    yield "68_long_UC_UT", long_texts()
    yield "69_OV_vr", added(0x00720083, "OV", bytes(16))
    yield "70_unknown_vr_ZZ", with_element(short(b"\x0b\0\x10\0", b"ZZ", b"x "))
    yield "71_empty_sequence", changed(ReferencedStudySequence=Sequence([]))
