"""What every comparison works on: the images, the programs, and folders in memory."""

import shutil
from collections.abc import Callable
from pathlib import Path

from jobs import Export
from measure import Comparison, Failed, Run
from servers import DICOM_PORT, ORTHANC

NODE = f"{ORTHANC}@127.0.0.1:{DICOM_PORT}"


class Workload:
    """The images in a folder, and `work`, which has the programs in `work`/bin."""

    def __init__(self, work: Path, images: Path):
        self.work, self.images = work, images
        self.p2t, self.t2p, self.pack = (work / "bin" / name for name in ("p2t", "t2p", "pack"))
        files = list(images.rglob("*.dcm"))
        self.instances = len(files)
        self.source_bytes = sum(path.stat().st_size for path in files)

    def comparison(self, name: str, title: str, goal: str, contenders: dict[str, Callable[[], Run]]) -> Comparison:
        return Comparison(name, title, self.instances, self.source_bytes, contenders, goal)

    def folder(self, name: str) -> Path:
        """An empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def require(self, count: int, what: str) -> None:
        """Only work that was done counts."""
        if count != self.instances:
            raise Failed(f"{what}: {count} instead of {self.instances}")

    def require_files(self, folder: Path) -> None:
        self.require(sum(path.is_file() for path in folder.rglob("*.*")), f"files in {folder}")

    def require_written(self, job: Export) -> None:
        (written,) = job.query("SELECT count(*) FROM instance WHERE state = 3")
        self.require(written, "instances that p2t wrote")

    def make_volume(self) -> Path:
        """The images as a volume."""
        job = Export(self.p2t, self.folder("volume") / "job", self.images)
        job.export()
        self.require_written(job)
        return job.medium
