"""Draws DICOM files: the phantoms of models/phantom in every form, packed by pydicom, GDCM and DCMTK."""

import pathlib
import struct
import subprocess
import sys

import numpy
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models/phantom"))
import draw  # noqa: E402 (it lies where the models do)

CR, DX, DX_PROCESSING, SC = ("1.2.840.10008.5.1.4.1.1." + end for end in ("1", "1.1", "1.1.1", "7"))
SC_WORDS = "1.2.840.10008.5.1.4.1.1.7.3"
EXPLICIT = "1.2.840.10008.1.2.1"
# What nobody may find outside a file.
PATIENT = {"PatientName": "Zwerchfell^Quirin", "PatientID": "MRN-7734921", "PatientBirthDate": "19470229",
           "InstitutionName": "Klinik Nirgendwo", "ReferringPhysicianName": "Überweiser^Adalberta",
           "AccessionNumber": "ACC5512907", "StudyDescription": "Verlauf Zwerchfell"}


def phantom(width=72, height=64, index=0):
    """Float32 [height,width], 0 black to 1 white."""
    return draw.draw_numbered(7, index, width, height, set()).image


def stored(image, bits=12, signed=False):
    """Its stored values: all of the bits' range, from the least value on."""
    values = (image * ((1 << bits) - 1) + 0.5).astype(numpy.int32)
    return values - (1 << (bits - 1)) if signed else values


def words(values, allocated):
    """Stored values as the cells of a native frame."""
    return (values & ((1 << allocated) - 1)).astype("<u2" if allocated == 16 else "u1").tobytes()


def dataset(values, allocated=16, bits=12, signed=False, photometric="MONOCHROME2", sop_class=DX, **attributes):
    """A dataset of one grey frame, as explicit little endian; attributes of None are left out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = "2.25.7000.1.1"
    meta.TransferSyntaxUID = EXPLICIT
    meta.ImplementationClassUID = "2.25.7000.2"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.is_little_endian, data.is_implicit_VR = True, False
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = sop_class, "2.25.7000.1.1"
    data.StudyInstanceUID, data.SeriesInstanceUID = "2.25.7000.3", "2.25.7000.4"
    data.Modality, data.BodyPartExamined, data.ViewPosition = "DX", "CHEST", "PA"
    data.PresentationIntentType, data.ImageType = "FOR PRESENTATION", ["ORIGINAL", "PRIMARY"]
    data.PatientOrientation = ["L", "F"]
    for name, value in PATIENT.items():
        setattr(data, name, value)
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, photometric
    data.BitsAllocated, data.BitsStored, data.HighBit = allocated, bits, bits - 1
    data.PixelRepresentation = int(signed)
    data.WindowCenter, data.WindowWidth = (0 if signed else 1 << (bits - 1)), 1 << bits
    for name, value in attributes.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    pixels = words(values, allocated)
    data.PixelData = pixels + b"\0" * (len(pixels) % 2)
    data["PixelData"].VR = "OW" if allocated == 16 else "OB"
    return data


def colour(image, photometric="RGB", planar=0):
    """A secondary capture of three channels, and its values [height,width,3]."""
    grey = (image * 255 + 0.5).astype(numpy.uint8)
    values = numpy.stack([grey, 255 - grey, grey // 2], axis=-1)
    data = dataset(grey.astype(numpy.int32), 8, 8, sop_class=SC, SamplesPerPixel=3, PlanarConfiguration=planar,
                   PhotometricInterpretation=photometric, WindowCenter=None, WindowWidth=None)
    pixels = (values.transpose(2, 0, 1) if planar else values).tobytes()
    data.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return data, values


def table(first, count, bits, entries, signed=False):
    """An item of a LUT sequence."""
    item = Dataset()
    item.add_new(0x00283002, "SS" if signed else "US", [count & 0xFFFF, first, bits])
    item.add_new(0x00283006, "OW", numpy.asarray(entries).astype("<u2").tobytes())
    return Sequence([item])


def code(value, scheme):
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "a view"
    return Sequence([item])


def save(data, path, syntax=EXPLICIT):
    """Writes a native file. Big endian pixels are turned here, which pydicom leaves to who writes."""
    if syntax == "1.2.840.10008.1.2.2" and data.BitsAllocated == 16:
        data.PixelData = numpy.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    data.file_meta.TransferSyntaxUID = syntax
    data.is_little_endian = syntax != "1.2.840.10008.1.2.2"
    data.is_implicit_VR = syntax == "1.2.840.10008.1.2"
    data.save_as(path, write_like_original=False)
    return path


def pack(source, path, *command):
    """Packs a native file by a command of GDCM or DCMTK, which takes both paths last."""
    subprocess.run([*command, source, path], check=True, capture_output=True)
    return path


# Transfer syntax: how a file of it is made of a native one, and whether its pixels are the same to the bit.
PACKED = {
    "1.2.840.10008.1.2.5": (("gdcmconv", "--rle"), True),
    "1.2.840.10008.1.2.4.50": (("dcmcjpeg", "+eb", "+q", "95"), False),
    "1.2.840.10008.1.2.4.51": (("dcmcjpeg", "+ee", "+q", "98"), False),
    "1.2.840.10008.1.2.4.57": (("dcmcjpeg", "+el"), True),
    "1.2.840.10008.1.2.4.70": (("dcmcjpeg", "+e1"), True),
    "1.2.840.10008.1.2.4.80": (("dcmcjpls", "+el"), True),
    "1.2.840.10008.1.2.4.81": (("dcmcjpls", "+en"), False),
    "1.2.840.10008.1.2.4.90": (("gdcmconv", "--j2k"), True),
    "1.2.840.10008.1.2.4.91": (("gdcmconv", "--j2k", "--lossy"), False),
}
NATIVE = ("1.2.840.10008.1.2", EXPLICIT, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")


def syntax_of(path):
    return str(pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
