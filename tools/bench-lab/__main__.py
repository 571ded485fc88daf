"""Compares p2t and t2p with stock programs; tools/bench prepares what it works on and starts it.

Prints a table for each comparison, medians of the repetitions, and writes them with every single run as JSON."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import archives
import listing
import network
from measure import Comparison, Failed
from workload import Workload

# What is compared, and on which images: where DCMTK takes the network there are few, or it would need an hour.
BENCHES = {
    "fetch": (network.fetch, "few"),
    "web": (network.web, "many"),
    "list": (listing.listing, "few"),
    "deliver": (network.deliver, "few"),
    "pack": (archives.pack, "many"),
    "restore": (archives.restore, "many"),
}
HEADINGS = "ratio", "wall s", "range s", "MB/s", "inst/s", "CPU s", "PACS CPU", "peak MB", "others"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(comparison: Comparison) -> str:
    """A comparison as a Markdown table."""
    megabytes = comparison.source_bytes / 1e6
    repetitions = max(len(runs) for runs in comparison.runs.values())
    goal = f"; goal {comparison.goal}" if comparison.goal else ""
    lines = [
        f"{comparison.title}: {comparison.instances} CT slices, {megabytes:.0f} MB, {repetitions} runs{goal}",
        "",
        "| | " + " | ".join(HEADINGS) + " |",
        "|---|" + "---:|" * len(HEADINGS),
    ]
    return "\n".join(lines + [table_row(row) for row in comparison.rows()]) + "\n"


def table_row(row: dict) -> str:
    cells = [
        row["name"],
        f"{row['ratio']:.1f}" if row["ratio"] >= 10 else f"{row['ratio']:.2f}",
        f"{row['wall']:.2f}",
        f"{row['fastest']:.2f}-{row['slowest']:.2f}",
        f"{row['megabytes_per_second']:.0f}",
        f"{row['instances_per_second']:.0f}",
    ]
    if "cpu" in row:
        cells += [f"{row['cpu']:.2f}", f"{row['peer_cpu']:.2f}", f"{row['peak_megabytes']:.0f}", f"{row['others']:.0%}"]
    else:
        cells += [""] * 4
    # A | in a command would end the cell.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def as_json(comparisons: list[Comparison]) -> str:
    def plain(comparison: Comparison) -> dict:
        runs = {name: [dataclasses.asdict(run) for run in runs] for name, runs in comparison.runs.items()}
        kept = ("name", "title", "goal", "instances", "source_bytes")
        return {key: getattr(comparison, key) for key in kept} | {"medians": comparison.rows(), "runs": runs}

    return json.dumps([plain(comparison) for comparison in comparisons], indent=1)


def arguments():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder in memory with bin/ and images/")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--repetitions", type=int, required=True, help="runs of each contender")
    parser.add_argument("--patience", type=float, required=True, help="seconds that a run may wait for a quiet machine")
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)}; all by default")
    options = parser.parse_args()
    for name in options.benches:
        if name not in BENCHES:
            parser.error(f"there is no bench {name}; there are {', '.join(BENCHES)}")
    return options


def main() -> None:
    options = arguments()
    done = []
    for name in options.benches or BENCHES:
        bench, images = BENCHES[name]
        for comparison in bench(Workload(options.work, options.work / "images" / images)):
            comparison.measure(options.repetitions, options.patience, say)
            print(table(comparison), flush=True)
            done.append(comparison)
    options.out.write_text(as_json(done))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"bench: {failure}")
