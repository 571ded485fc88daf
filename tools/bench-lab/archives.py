"""Packing a folder and restoring a volume: p2t and t2p against tar, zstd and b3sum."""

from collections.abc import Iterator
from pathlib import Path

from jobs import Export
from measure import Comparison, Run, measure
from workload import Workload

PACK_GOAL = ">= 1.0"
# A few segments, so that the stages of an export work at the same time as they do in a transfer that takes days.
SEGMENT_BYTES = "256 MiB"


def pack(workload: Workload) -> Iterator[Comparison]:
    yield workload.comparison(
        "pack",
        "pack a folder: digests, tar, zstd -1 on all cores",
        PACK_GOAL,
        {
            "tar | zstd -T0 -1 | tee | b3sum": lambda: stock_pack(workload),
            "SegmentWriter (example pack)": lambda: segment_writer(workload),
            "p2t export": lambda: export(workload),
        },
    )


def stock_pack(workload: Workload) -> Run:
    folder = workload.folder("stock")
    pipe = f"tar -C {workload.images} -c . | zstd -q -T0 -1 | tee {folder}/images.tar.zst | b3sum >{folder}/sum"
    return measure(["bash", "-o", "pipefail", "-c", pipe], folder)


def segment_writer(workload: Workload) -> Run:
    folder = workload.folder("ours")
    return measure([workload.pack, workload.images, folder / "segment.tar.zst"], folder)


def export(workload: Workload) -> Run:
    job = Export(workload.p2t, workload.folder("ours") / "job", workload.images, segment_bytes=SEGMENT_BYTES)
    run = job.export()
    workload.require_written(job)
    return run


def restore(workload: Workload) -> Iterator[Comparison]:
    volume = workload.make_volume()
    yield workload.comparison(
        "restore",
        "restore a volume, every digest checked",
        "",
        {
            "b3sum, zstd -d | tar x, b3sum --check": lambda: stock_restore(workload, volume),
            "t2p extract": lambda: extract(workload, volume),
            "t2p verify (restores nothing)": lambda: verify(workload, volume),
        },
    )


def stock_restore(workload: Workload, volume: Path) -> Run:
    """What the volume's README says, for every segment."""
    folder, restored = workload.folder("stock"), workload.folder("stock/restored")
    each = f'b3sum "$segment" >>{folder}/sums; zstd -qdc "$segment" | tar -C {restored} -x'
    check = f"(cd {restored} && b3sum --check --quiet B3SUMS && rm MANIFEST.jsonl B3SUMS)"
    script = f'for segment in {volume}/segment-*; do {each}; {check}; done'
    run = measure(["bash", "-eo", "pipefail", "-c", script], folder)
    workload.require_files(restored)
    return run


def extract(workload: Workload, volume: Path) -> Run:
    folder, restored = workload.folder("ours"), workload.folder("ours/restored")
    run = measure([workload.t2p, "extract", volume, "--out", restored, "--quiet"], folder)
    workload.require_files(restored)
    return run


def verify(workload: Workload, volume: Path) -> Run:
    return measure([workload.t2p, "verify", volume, "--quiet"], workload.folder("ours"))
