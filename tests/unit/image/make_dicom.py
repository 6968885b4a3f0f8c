#!/usr/bin/env python3
"""Draws the small DICOM files of files/ and of the fuzzer's corpus: one picture in every transfer syntax."""

import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))
import dicom_files as files  # noqa: E402 (it lies with the tests that use it most)

NAMES = {"1.2.840.10008.1.2": "implicit", "1.2.840.10008.1.2.1": "explicit", "1.2.840.10008.1.2.1.99": "deflated",
         "1.2.840.10008.1.2.2": "big_endian", "1.2.840.10008.1.2.5": "rle", "1.2.840.10008.1.2.4.51": "jpeg_extended",
         "1.2.840.10008.1.2.4.57": "jpeg_lossless", "1.2.840.10008.1.2.4.70": "jpeg_lossless_1",
         "1.2.840.10008.1.2.4.80": "jpeg_ls", "1.2.840.10008.1.2.4.90": "jpeg_2000"}


def drawn():
    return files.dataset(files.stored(files.phantom(24, 18), 12))


def main():
    out, corpus = HERE / "files", HERE.parents[1] / "fuzz/corpus/dicom"
    corpus.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        native = files.save(drawn(), pathlib.Path(folder) / "native.dcm")
        for syntax, name in NAMES.items():
            path = out / f"dicom_{name}.dcm"
            if syntax in files.NATIVE:
                files.save(drawn(), path, syntax)
            else:
                files.pack(native, path, *files.PACKED[syntax][0])
            shutil.copyfile(path, corpus / path.name)
    values = files.stored(files.phantom(18, 16), 12)
    files.save(files.dataset(values, VOILUTSequence=files.table(0, 64, 12, range(0, 4096, 64)), PixelPaddingValue=0,
                             ModalityLUTSequence=files.table(0, 4096, 8, [v >> 6 for v in range(4096)])), corpus / "tables.dcm")
    signed = files.stored(files.phantom(18, 16), 12, True)
    files.save(files.dataset(signed, signed=True, VOILUTFunction="SIGMOID"), corpus / "signed.dcm", files.NATIVE[0])
    files.save(files.colour(files.phantom(18, 16), planar=1)[0], corpus / "planar.dcm")
    files.save(files.dataset(values, photometric="MONOCHROME1", NumberOfFrames=1, WindowCenter=[1, 2], WindowWidth=[0, 5]),
               corpus / "windows.dcm")


if __name__ == "__main__":
    main()
