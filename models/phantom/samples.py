#!/usr/bin/env python3
"""Draws the files of samples/ and the contact sheet of README.md."""

import os

import numpy
from PIL import Image, ImageDraw

import draw

SEED = 4
HERE = os.path.dirname(os.path.abspath(__file__))
CELL = 240


def sample(index, width, height, *wanted):
    drawing = draw.draw_numbered(SEED, index, width, height, set(wanted))
    missing = set(wanted) - set(drawing.masks)
    assert not missing, f"no room to draw {missing} in sample {index}"
    return drawing


def write_dicom(path, drawing):
    """An uncompressed 12-bit MONOCHROME2 image for presentation, with nobody's name in it."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    digital_x_ray_for_presentation = "1.2.840.10008.5.1.4.1.1.1.1"
    root = "2.25.7000"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = digital_x_ray_for_presentation
    meta.MediaStorageSOPInstanceUID = root + ".1"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = root + ".2"
    data = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    data.is_little_endian, data.is_implicit_VR = True, False
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = root + ".3", root + ".4"
    data.Modality, data.BodyPartExamined, data.ViewPosition = "DX", "CHEST", "PA"
    data.PatientName, data.PatientID = "Phantom^Drawn", "PHANTOM"
    data.PresentationIntentType = "FOR PRESENTATION"
    data.PatientOrientation = ["L", "F"]
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.StudyDate = data.StudyTime = data.AccessionNumber = data.StudyID = ""
    data.SeriesNumber = data.InstanceNumber = 1
    data.PatientBirthDate = data.PatientSex = data.ReferringPhysicianName = ""
    height, width = drawing.image.shape
    data.Rows, data.Columns = height, width
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.WindowCenter, data.WindowWidth = 2048, 4096
    data.PresentationLUTShape = "IDENTITY"
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    data.PixelData = (drawing.image * 4095 + 0.5).astype("<u2").tobytes()
    data.save_as(path, write_like_original=False)


def write_samples():
    folder = os.path.join(HERE, "samples")
    os.makedirs(folder, exist_ok=True)

    def picture(drawing):
        return Image.fromarray(draw.to_bytes(drawing.image))

    def at(name):
        return os.path.join(folder, name)

    picture(sample(0, 600, 500)).save(at("normal.png"), optimize=True)
    picture(sample(1, 512, 620, "Pneumothorax")).save(at("pneumothorax.png"), optimize=True)
    picture(sample(13, 640, 560, "Mass", "Rib Fracture")).save(at("mass_rib_fracture.png"), optimize=True)
    picture(sample(3, 700, 600, "Pleural Effusion", "Cardiomegaly")).save(at("effusion_cardiomegaly.jpg"), quality=92)
    picture(sample(4, 560, 560, "Consolidation", "Support Devices")).save(
        at("consolidation_devices.jpg"), quality=90, progressive=True
    )
    nodule = sample(5, 600, 520, "Nodule")
    Image.fromarray((nodule.image * 65535 + 0.5).astype(numpy.uint16)).save(at("nodule_16bit.png"))
    write_dicom(at("edema_effusion.dcm"), sample(6, 520, 600, "Edema", "Pleural Effusion"))


def write_contact_sheet():
    """Every finding alone, outlined where it is marked."""
    columns, rows = 4, 3
    sheet = Image.new("RGB", (columns * CELL, rows * (CELL + 16)))
    pen = ImageDraw.Draw(sheet)
    for place, name in enumerate(draw.FINDINGS):
        drawing = draw.draw_numbered(SEED + 1, place, CELL, CELL, set() if name == "Normal" else {name})
        pixels = numpy.stack([draw.to_bytes(drawing.image)] * 3, axis=-1)
        for mask in drawing.masks.values():
            pixels[(mask ^ numpy.roll(mask, 1, 0)) | (mask ^ numpy.roll(mask, 1, 1))] = (255, 70, 60)
        x, y = place % columns * CELL, place // columns * (CELL + 16)
        sheet.paste(Image.fromarray(pixels), (x, y + 16))
        pen.text((x + 6, y + 3), name, fill=(255, 255, 255))
    sheet.save(os.path.join(HERE, "drawings.png"), optimize=True)


if __name__ == "__main__":
    write_samples()
    write_contact_sheet()
