#!/usr/bin/env python3
"""peer.py AET PORT FOLDER: a small PACS on loopback that offers FOLDER's objects and misbehaves exactly as told.

It prints one line for each request (FIND, GET, MOVE, STORE), so that a test can count them.
"""

import argparse
import time
import warnings
from fnmatch import fnmatchcase
from pathlib import Path

import pydicom
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, StoragePresentationContexts, evt
from pynetdicom.sop_class import (StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet,
                                  StudyRootQueryRetrieveInformationModelMove, Verification)

warnings.simplefilter("ignore")

SUCCESS, PENDING, UNABLE_TO_PROCESS, OUT_OF_RESOURCES = 0x0000, 0xFF00, 0xC001, 0xA700
DUPLICATE_SOP_INSTANCE = 0x0111
UNIQUE_KEY = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


def in_range(value, wanted):
    first, _, last = wanted.partition("-") if "-" in wanted else (wanted, "", wanted)
    return value != "" and first <= value <= (last or "~")


MATCHING = {"StudyDate": in_range, "PatientID": fnmatchcase, "AccessionNumber": fnmatchcase}


class Peer:
    """What the peer holds, and how many more requests it will spoil."""

    def __init__(self, options):
        self.options = options
        self.objects = {}
        self.spoiled = 0
        for path in sorted(options.folder.rglob("*.dcm")):
            dataset = pydicom.dcmread(path)
            self.objects[dataset.SOPInstanceUID] = dataset

    def spoils(self):
        """Whether this request is one of those to spoil; 0 means all of them."""
        self.spoiled += 1
        return self.options.times == 0 or self.spoiled <= self.options.times

    def matches(self, keys):
        """Objects whose UIDs are in the request's lists of UIDs, and that fit its range of dates and its wildcards."""
        for dataset in self.objects.values():
            wanted = ((keyword, keys.get(keyword)) for keyword in UNIQUE_KEY.values())
            if all(not value or dataset.get(keyword) in as_list(value) for keyword, value in wanted) and all(
                not keys.get(keyword) or fits(str(dataset.get(keyword) or ""), str(keys.get(keyword)))
                for keyword, fits in MATCHING.items()
            ):
                yield dataset

    def find(self, event):
        keys = event.identifier
        log("FIND", keys.QueryRetrieveLevel)
        named = keys.get("StudyInstanceUID") or []
        if self.options.find_fails and self.options.find_fails in ([named] if isinstance(named, str) else named):
            yield UNABLE_TO_PROCESS, None
            return
        unique = UNIQUE_KEY[keys.QueryRetrieveLevel]
        rows = {dataset.get(unique): dataset for dataset in self.matches(keys)}
        for dataset in rows.values():
            row = pydicom.Dataset()
            for element in keys:
                row[element.tag] = dataset.get(element.tag, pydicom.DataElement(element.tag, element.VR, ""))
            if self.options.long_description and "StudyDescription" in row:
                row.StudyDescription = "x" * self.options.long_description
            row.QueryRetrieveLevel = keys.QueryRetrieveLevel
            yield PENDING, row

    def to_send(self, keys):
        """What a retrieve really sends: all, none, or all but some."""
        wanted = list(self.matches(keys))
        if self.options.send_nothing and self.spoils():
            return []
        if self.options.keep_back and self.spoils():
            return wanted[: -self.options.keep_back]
        return wanted

    def get(self, event):
        log("GET", event.identifier.QueryRetrieveLevel)
        sending = self.to_send(event.identifier)
        yield len(sending)
        for dataset in sending:
            yield PENDING, dataset

    def move(self, event):
        log("MOVE", event.identifier.QueryRetrieveLevel)
        sending = self.to_send(event.identifier)
        yield "127.0.0.1", self.options.move_port
        yield len(sending)
        for dataset in sending:
            yield PENDING, dataset

    def store(self, event):
        uid = event.request.AffectedSOPInstanceUID
        log("STORE", uid)
        time.sleep(self.options.stall)
        if uid == self.options.abort_over:
            event.assoc.abort()
            return UNABLE_TO_PROCESS
        if self.options.busy_with and event.dataset.StudyInstanceUID in self.options.busy_with:
            return OUT_OF_RESOURCES
        if self.options.refuse_twins and uid in self.objects:
            return DUPLICATE_SOP_INSTANCE
        if self.options.store_status and self.spoils():
            return self.options.store_status
        if not (self.options.forget and self.spoils()):
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            self.objects[uid] = dataset
        return SUCCESS


def as_list(value):
    return [value] if isinstance(value, str) else list(value)


def log(*words):
    print(*words, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("aet")
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--send-nothing", action="store_true", help="answer a retrieve with Success and no object")
    parser.add_argument("--keep-back", type=int, default=0, help="answer a retrieve with Success, but N objects too few")
    parser.add_argument("--store-status", type=lambda text: int(text, 16), default=0, help="answer a C-STORE with this")
    parser.add_argument("--long-description", type=int, default=0, help="describe each study in so many characters")
    parser.add_argument("--find-fails", metavar="UID", help="fail every C-FIND that names this study")
    parser.add_argument("--abort-over", metavar="UID", help="abort the association over this instance's C-STORE")
    parser.add_argument("--busy-with", metavar="UID", action="append",
                        help="answer a C-STORE for this study with 'out of resources'")
    parser.add_argument("--refuse-twins", action="store_true", help="refuse an instance whose UID is held already")
    parser.add_argument("--forget", action="store_true", help="answer a C-STORE with Success and keep nothing")
    parser.add_argument("--stall", type=float, default=0, help="seconds before a C-STORE is answered")
    parser.add_argument("--times", type=int, default=0, help="spoil only the first N requests (0: all)")
    parser.add_argument("--move-port", type=int, default=0, help="where every C-MOVE destination listens")
    return parser.parse_args()


def main():
    options = arguments()
    peer = Peer(options)
    entity = AE(ae_title=options.aet)
    entity.maximum_associations = 20
    for service in (Verification, StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet,
                    StudyRootQueryRetrieveInformationModelMove):
        entity.add_supported_context(service)
    for context in StoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
    entity.requested_contexts = StoragePresentationContexts
    handlers = [(evt.EVT_C_FIND, peer.find), (evt.EVT_C_GET, peer.get), (evt.EVT_C_MOVE, peer.move),
                (evt.EVT_C_STORE, peer.store)]
    entity.start_server(("127.0.0.1", options.port), evt_handlers=handlers)


if __name__ == "__main__":
    main()
