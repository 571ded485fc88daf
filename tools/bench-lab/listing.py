"""Listing an Orthanc with many studies: p2t plan against DCMTK's findscu, which asks for all of them at once and proves nothing."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from jobs import Export
from measure import Comparison, Failed, Run, measure
from servers import DICOM_PORT, ORTHANC, Orthanc
from workload import NODE, Workload

GOAL = "studies: <= 1.2 times findscu at 10,000, that is a ratio >= 0.83"
SIZES = (1_000, 10_000)
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
ROOT_UID = "1.2.826.0.1.3680043.10.1234.99"
# What p2t asks for, too.
RETURNED = (
    "StudyDate StudyTime AccessionNumber ModalitiesInStudy StudyDescription PatientName PatientID IssuerOfPatientID "
    "StudyInstanceUID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances SpecificCharacterSet"
).split()


def listing(workload: Workload) -> Iterator[Comparison]:
    """One Orthanc for each size; studies of two small images."""
    # With --short there are few images.
    for studies in SIZES if workload.instances >= 500 else SIZES[:1]:
        with Orthanc(workload.work / "source") as source:
            for number in range(studies * 2):
                source.ask("POST", "/instances", image(number // 2, number % 2))
            sweep = Sweep(workload, source, studies)
            yield Comparison(
                f"list-{studies}",
                f"list {studies:,} studies of Orthanc",
                studies * 2,
                studies * 2 * len(image(0, 0)),
                {"findscu (studies)": sweep.stock, "p2t plan (studies, images, proof)": sweep.plan},
                GOAL,
            )


class Sweep:
    """How each contender lists everything that `source` holds."""

    def __init__(self, workload: Workload, source: Orthanc, studies: int):
        self.workload, self.source, self.studies = workload, source, studies

    def stock(self) -> Run:
        folder = self.workload.folder("stock")
        keys = [word for name in ("QueryRetrieveLevel=STUDY", *RETURNED) for word in ("-k", name)]
        before = self.source.cpu()
        run = measure(["findscu", "-v", "-S", "-aec", ORTHANC, *keys, "127.0.0.1", DICOM_PORT], folder)
        run.peer_cpu = self.source.cpu() - before
        rows = (folder / "output").read_text(errors="replace").count("(Pending)")
        self.require(rows, "rows that findscu got")
        return run

    def plan(self) -> Run:
        before = self.source.cpu()
        job = Export(self.workload.p2t, self.workload.folder("ours") / "job", NODE, "c-get", planned=False)
        run = job.run("plan", "--job", job.folder)
        run.peer_cpu = self.source.cpu() - before
        (planned,) = job.query("SELECT count(*) FROM study")
        self.require(planned, "studies that p2t planned")
        (ended,) = job.query("SELECT (SELECT max(at) FROM query WHERE level = 'STUDY') - begun_at FROM listing")
        run.parts["studies listed and proved"] = ended / 1000
        return run

    def require(self, count: int, what: str) -> None:
        if count != self.studies:
            raise Failed(f"{what}: {count} instead of {self.studies}")


def image(study: int, number: int) -> bytes:
    """A CT image of 10 by 10 pixels, as a whole file."""
    study_uid = f"{ROOT_UID}.{study}"
    instance = f"{study_uid}.1.{number}"
    day = f"20{10 + study % 10:02}{1 + study % 12:02}{1 + study % 28:02}"
    head = b"".join(
        [element(2, 2, "UI", CT_IMAGE), element(2, 3, "UI", instance), element(2, 0x10, "UI", EXPLICIT_LITTLE)]
    )
    dataset = [
        element(8, 0x16, "UI", CT_IMAGE),
        element(8, 0x18, "UI", instance),
        element(8, 0x20, "DA", day),
        element(8, 0x30, "TM", f"{study % 24:02}{study % 60:02}00"),
        element(8, 0x50, "SH", f"A{study:06}"),
        element(8, 0x60, "CS", "CT"),
        element(0x10, 0x10, "PN", f"Made^Up{study:06}"),
        element(0x10, 0x20, "LO", f"P{study:06}"),
        element(0x20, 0x0D, "UI", study_uid),
        element(0x20, 0x0E, "UI", f"{study_uid}.1"),
        struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 100) + os.urandom(100),
    ]
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(head))
    return bytes(128) + b"DICM" + length + head + b"".join(dataset)


def element(group: int, number: int, vr: str, text: str) -> bytes:
    """An element of text, padded to even length."""
    value = text.encode()
    value += (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", group, number, vr.encode(), len(value)) + value
