"""Files whose UIDs or patient identifiers are missing, illegal, hostile or shared with another object."""

from .base import changed, fresh, named, raw, uid, without

SHARED = uid("3.7777")


def duplicates():
    """Three objects that claim one SOP Instance UID: other pixels, then another study."""
    dataset = named(fresh(), SHARED)
    yield "30_dup_a", raw(dataset)
    dataset.PixelData = bytes(len(dataset.PixelData))
    yield "31_dup_same_uid_other_pixels", raw(dataset)
    dataset.StudyInstanceUID = uid("1.77")
    yield "32_dup_same_uid_other_study", raw(dataset)


def files():
    yield "20_sop_uid_76_chars", named(fresh(), "1.2.3." + "4" * 70)
    yield "21_sop_uid_letters", named(fresh(), "1.2.abc.3")
    yield "22_sop_uid_leading_zeros", named(fresh(), "1.2.003.0004")
    study = uid("1.1").encode()
    yield "23_uid_padded_with_space", raw(fresh()).replace(study + b"\0", study + b" ")
    yield "24_empty_study_uid", changed(StudyInstanceUID="")
    yield "25_no_study_series_uid", without("StudyInstanceUID", "SeriesInstanceUID")
    yield "26_no_sop_uid_in_dataset", raw(without("SOPInstanceUID"), enforce=False)
    yield "27_empty_patient_id", changed(PatientID="")
    yield "28_no_patient_id", without("PatientID")
    yield "29_sop_uid_path_traversal", named(fresh(), "../../etc/passwd")
    yield from duplicates()
    yield "33_same_study_other_patient", changed(PatientID="OTHER")
    yield "34_same_series_other_modality", fresh("CT_small.dcm")
