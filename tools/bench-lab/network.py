"""Fetching from Orthanc and delivering to it: p2t and t2p against DCMTK's programs, and curl."""

from collections.abc import Iterator
from pathlib import Path

from jobs import Export, Ingest
from measure import Comparison, Program, Run, measure, together
from servers import DICOM_PORT, HTTP_PORT, ORTHANC, STOCK, Orthanc, StoreScp
from workload import NODE, Workload

FETCH_GOAL = ">= 10, aim 15"
WEB_GOAL = ">= 0.9"
DELIVER_GOAL = ">= 6"
WEB = f"http://127.0.0.1:{HTTP_PORT}/dicom-web"
AS_STORED = 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*'


def fetch(workload: Workload) -> Iterator[Comparison]:
    """One Orthanc holds the images for all comparisons."""
    with Orthanc(workload.work / "source") as source:
        source.load(workload.images)
        workload.require(source.instances(), "instances loaded into Orthanc")
        fetching = Fetching(workload, source)
        for service, name, stock in [
            ("c-move", "movescu + storescp", fetching.stock_move),
            ("c-get", "getscu", fetching.stock_get),
        ]:
            yield workload.comparison(
                f"fetch-{service}",
                f"fetch from Orthanc by {service.upper()}, one association",
                FETCH_GOAL,
                {name: stock, "p2t export": lambda service=service: fetching.export(service)},
            )


def web(workload: Workload) -> Iterator[Comparison]:
    """WADO-RS against curl, which only writes down what comes."""
    with Orthanc(workload.work / "source", web=True) as source:
        source.load(workload.images)
        workload.require(source.instances(), "instances loaded into Orthanc")
        yield workload.comparison(
            "fetch-wado-rs",
            "fetch from Orthanc by WADO-RS, one connection",
            WEB_GOAL,
            {
                "curl": lambda: curl(workload, source),
                "p2t export": lambda: Fetching(workload, source).export("auto", WEB),
            },
        )


def curl(workload: Workload, source: Orthanc) -> Run:
    """One curl gets study after study on one connection."""
    folder = workload.folder("stock")
    command = ["curl", "--silent", "--show-error", "--fail", "--header", AS_STORED]
    for number, uid in enumerate(source.study_uids()):
        command += ["--output", folder / f"study-{number}", f"{WEB}/studies/{uid}"]
    before = source.cpu()
    run = measure(command, folder)
    run.peer_cpu = source.cpu() - before
    parts = sum(path.read_bytes().count(b"Content-Type: application/dicom\r\n") for path in folder.glob("study-*"))
    workload.require(parts, "objects that curl got")
    return run


class Fetching:
    """How each contender fetches everything that `source` holds."""

    def __init__(self, workload: Workload, source: Orthanc):
        self.workload, self.source = workload, source
        # All studies in one request and one association: the fastest way for the stock programs.
        uids = "\\".join(source.study_uids())
        self.keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uids}", "127.0.0.1", DICOM_PORT]

    def stock_move(self) -> Run:
        folder, received = self.workload.folder("stock"), self.workload.folder("stock/received")
        before = self.source.cpu()
        with StoreScp(received, folder / "storescp.log") as receiver:
            run = measure(["movescu", "-S", "-aec", ORTHANC, "-aem", STOCK, *self.keys], folder)
            run.cpu += receiver.cpu()
            run.peak_bytes += receiver.peak()
        run.peer_cpu = self.source.cpu() - before
        self.workload.require_files(received)
        return run

    def stock_get(self) -> Run:
        folder, received = self.workload.folder("stock"), self.workload.folder("stock/received")
        before = self.source.cpu()
        run = measure(["getscu", "-S", "+B", "-aec", ORTHANC, "-od", received, *self.keys], folder)
        run.peer_cpu = self.source.cpu() - before
        self.workload.require_files(received)
        return run

    def export(self, service: str, node: str = NODE) -> Run:
        # What is measured is how fast it can be, not how it yields.
        adaptive = "[pace.adaptive]\nenabled = false"
        job = Export(self.workload.p2t, self.workload.folder("ours") / "job", node, service, more=adaptive)
        before = self.source.cpu()
        run = job.export()
        run.peer_cpu = self.source.cpu() - before
        self.workload.require_written(job)
        return run


def deliver(workload: Workload) -> Iterator[Comparison]:
    """Every run has a new, empty Orthanc."""
    volume = workload.make_volume()
    for number in (1, 4):
        yield workload.comparison(
            f"deliver-{number}",
            f"deliver to Orthanc, {number} association{'s'[: number - 1]}",
            DELIVER_GOAL if number == 1 else "",
            {
                f"{number} x storescu": lambda number=number: stock_store(workload, number),
                "t2p ingest": lambda number=number: ingest(workload, volume, number),
            },
        )


def stock_store(workload: Workload, number: int) -> Run:
    folder = workload.folder("stock")
    studies = sorted(workload.images.iterdir())
    with Orthanc(workload.work / "destination") as destination:
        before = destination.cpu()
        programs = []
        for part in range(number):
            (folder / str(part)).mkdir()
            command = ["storescu", "-aec", ORTHANC, "+sd", "+r", "127.0.0.1", DICOM_PORT, *studies[part::number]]
            programs.append(Program(command, folder / str(part)))
        run = together(programs)
        run.peer_cpu = destination.cpu() - before
        workload.require(destination.instances(), "instances in the destination")
    return run


def ingest(workload: Workload, volume: Path, associations: int) -> Run:
    with Orthanc(workload.work / "destination") as destination:
        job = Ingest(workload.t2p, workload.folder("ours") / "job", NODE, associations)
        before = destination.cpu()
        run = job.ingest(volume)
        run.peer_cpu = destination.cpu() - before
        workload.require(destination.instances(), "instances in the destination")
    return run
