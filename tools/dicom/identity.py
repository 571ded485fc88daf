"""Gives objects their place in a study: deterministic UIDs, one patient and one date per study."""

from pydicom.uid import generate_uid

PATIENTS = ["Berger^Anna", "Okafor^Chidi", "Lindqvist^Maja", "Tanaka^Ken", "Moreau^Luc", "Novak^Eva"]


def uid(*key):
    """The same key gives the same UID on every machine."""
    return generate_uid(entropy_srcs=["p2t-corpus", *map(str, key)])


def place(dataset, study, number, series, instance, keep_name=False):
    """Makes `dataset` instance `instance` of series `series` of study `study`, the `number`-th study of the corpus."""
    dataset.StudyInstanceUID = uid(study)
    dataset.SeriesInstanceUID = uid(study, series)
    dataset.SOPInstanceUID = uid(study, series, instance)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.InstanceNumber = instance + 1
    identify(dataset, study, number, keep_name)


def identify(dataset, study, number, keep_name=False):
    """Sets what PACS use to tell patients and studies apart, the same for every object of a study."""
    if not keep_name:
        dataset.PatientName = PATIENTS[number % len(PATIENTS)]
    dataset.PatientID = f"P2T{number:05d}"
    dataset.StudyDate = f"2021{number % 12 + 1:02d}{number % 28 + 1:02d}"
    dataset.StudyTime = f"{number % 24:02d}1500"
    dataset.AccessionNumber = f"ACC{number:06d}"
    dataset.StudyID = str(number)
    dataset.StudyDescription = study
