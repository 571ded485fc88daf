"""python -m nasty OUT: writes DICOM files that are odd, broken or hostile, each named by what is wrong with it.

All come from valid files of pydicom and are the same on every run.
"""

import sys
from pathlib import Path

from . import container, identifiers, pixels, structure, values
from .base import raw

SUBJECTS = (container, identifiers, values, structure, pixels)


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    for subject in SUBJECTS:
        for name, content in subject.files():
            is_bytes = isinstance(content, (bytes, bytearray))
            (out / f"{name}.dcm").write_bytes(content if is_bytes else raw(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
