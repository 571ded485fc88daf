"""Files whose text and numbers break the rules of their value representation (PS3.5 section 6.2), and odd character sets."""

from .base import changed, fresh, raw


def odd_length():
    dataset = fresh()
    dataset.add_new(0x00081030, "LO", "odd")
    return raw(dataset).replace(b"LO\x04\0odd ", b"LO\x03\0odd")


def files():
    german = "Größe^Ünal"
    yield "40_utf8", changed(SpecificCharacterSet="ISO_IR 192", PatientName=german)
    utf8 = raw(changed(SpecificCharacterSet="ISO_IR 192", PatientName=german))
    yield "41_utf8_bytes_declared_latin1", utf8.replace(b"ISO_IR 192", b"ISO_IR 100")
    japanese = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    yield "42_iso2022_jp", changed(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName=japanese)
    korean = "Hong^Gildong=洪^吉洞=홍^길동"
    yield "43_iso2022_kr", changed(SpecificCharacterSet=["", "ISO 2022 IR 149"], PatientName=korean)
    yield "44_gb18030", changed(SpecificCharacterSet="GB18030", PatientName="Wang^XiaoDong=王^小东")
    yield "45_unknown_charset", raw(changed(SpecificCharacterSet="ISO_IR 100")).replace(b"ISO_IR 100", b"ISO_IR 999")
    yield "46_pn_300_chars", changed(PatientName="A" * 300)
    yield "47_bad_date_time", changed(StudyDate="31.12.2020", StudyTime="not a time")
    yield "48_sh_too_long", changed(AccessionNumber="X" * 40)
    yield "49_is_not_number", raw(changed(InstanceNumber=1234567890)).replace(b"1234567890", b"notanumber")
    yield "50_odd_length_value", odd_length()
