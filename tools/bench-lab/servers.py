"""The unmodified PACS that both sides of a comparison talk to, and the stock receiver."""

import http.client
import json
import shutil
import subprocess
import time
from pathlib import Path

from measure import Failed, cpu_seconds, peak_bytes

# Nobody else is on this network.
DICOM_PORT, HTTP_PORT = 4242, 8042
STOCK_PORT, OUR_PORT = 11112, 11113
ORTHANC, STOCK, OURS = "ORTHANC", "STORESCP", "P2T"


class Server:
    """A process that runs until the end of the `with` block."""

    def __init__(self, command: list, log: Path):
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=output, stderr=output
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def cpu(self) -> float:
        return cpu_seconds(self.process.pid)

    def peak(self) -> int:
        return peak_bytes(self.process.pid)


class Orthanc(Server):
    """Orthanc as Debian ships it; only names, ports, folders and permissions are set, and its DICOMweb plugin loaded if wanted."""

    def __init__(self, folder: Path, web: bool = False):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        config = {
            "DicomAet": ORTHANC,
            "DicomPort": DICOM_PORT,
            "HttpPort": HTTP_PORT,
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "index"),
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {"stock": [STOCK, "127.0.0.1", STOCK_PORT], "ours": [OURS, "127.0.0.1", OUR_PORT]},
        }
        if web:
            config["Plugins"] = ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"]
        path = folder / "orthanc.json"
        path.write_text(json.dumps(config))
        super().__init__(["Orthanc", path], folder / "log")
        self.wait_until_ready(folder / "log")

    def wait_until_ready(self, log: Path) -> None:
        for _ in range(600):
            if self.process.poll() is not None:
                raise Failed(f"Orthanc ended: {log.read_text(errors='replace')[-2000:]}")
            try:
                self.ask("GET", "/system")
                return
            except OSError:
                time.sleep(0.1)
        raise Failed("Orthanc did not start within a minute")

    def ask(self, method: str, path: str, body: bytes | None = None) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status != 200:
            raise Failed(f"Orthanc answered {answer.status} to {method} {path}")
        return json.loads(content)

    def load(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*.dcm")):
            self.ask("POST", "/instances", path.read_bytes())

    def instances(self) -> int:
        return self.ask("GET", "/statistics")["CountInstances"]

    def study_uids(self) -> list[str]:
        studies = self.ask("GET", "/studies?expand")
        return sorted(study["MainDicomTags"]["StudyInstanceUID"] for study in studies)


class StoreScp(Server):
    """DCMTK's storescp, which writes what arrives as it arrived."""

    def __init__(self, folder: Path, log: Path):
        super().__init__(["storescp", "-aet", STOCK, "-od", folder, "+B", "+xa", STOCK_PORT], log)
        # It says nothing when it listens, and a connection to find out would be taken for a peer.
        time.sleep(0.5)
