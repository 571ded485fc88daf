"""Jobs of p2t and t2p, made as an operator makes them, and what their catalogues say about time."""

import shutil
import sqlite3
import time
from pathlib import Path

from measure import Program, Run, measure
from servers import OUR_PORT

POLL_SECONDS = 0.01


class Job:
    """A fresh job directory with a configuration of its own."""

    def __init__(self, program: Path, folder: Path, config: str):
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.program, self.folder = program, folder
        self.log = folder.parent
        self.run("init", folder)
        (folder / f"{program.name}.toml").write_text(config)

    def command(self, *words) -> list:
        return [self.program, *words, "--quiet"]

    def run(self, *words) -> Run:
        return measure(self.command(*words), self.log)

    def query(self, sql: str):
        # Read-only: looking must not change what is measured.
        connection = sqlite3.connect(f"file:{self.folder}/catalogue.sqlite?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchone()
        finally:
            connection.close()


class Export(Job):
    """A p2t job, planned unless that is what is measured: what is left to measure is the export to a directory."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        source,
        retrieve: str = "auto",
        segment_bytes: str = "1 GiB",
        more: str = "",
        planned: bool = True,
    ):
        self.medium = folder.parent / "volume"
        shutil.rmtree(self.medium, ignore_errors=True)
        super().__init__(
            program,
            folder,
            f"""
[source]
node = "{source}"
retrieve = "{retrieve}"
[receiver]
bind = "127.0.0.1"
port = {OUR_PORT}
[segment]
bytes = "{segment_bytes}"
[media]
to = ["{self.medium}"]
verify = "none"
{more}
""",
        )
        if planned:
            self.run("plan", "--job", folder)

    def export(self) -> Run:
        """Runs the export; the time until every object was captured (synced, in the catalogue) is a part of it."""
        program = Program(self.command("export", "--job", self.folder), self.log)
        captured = None
        while not program.ended():
            if captured is None and self.query("SELECT count(*) FROM instance WHERE state = 0") == (0,):
                captured = program.seconds()
            time.sleep(POLL_SECONDS)
        run = program.wait()
        run.parts["fetch"] = captured or run.wall
        return run


class Ingest(Job):
    """A t2p job for one destination."""

    def __init__(self, program: Path, folder: Path, destination: str, associations: int):
        super().__init__(
            program,
            folder,
            f"""
[[destination]]
node = "{destination}"
associations = {associations}
[pace.limits]
associations = {associations}
""",
        )

    def ingest(self, medium: Path) -> Run:
        """Runs the ingest; the time from the first answer to a C-STORE to the last is a part of it."""
        run = self.run("ingest", medium, "--job", self.folder)
        first, last = self.query("SELECT min(at), max(at) FROM delivery")
        run.parts["first to last C-STORE"] = (last - first) / 1000
        return run
