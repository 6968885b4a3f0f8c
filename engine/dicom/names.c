#include "engine/dicom/names.h"

#include <string.h>

static const struct syntax {
    const char *uid, *name;
    enum coding coding;
} SYNTAXES[] = {
    {"", "none that it names", CODING_NATIVE},
    {"1.2.840.10008.1.2", "Implicit VR Little Endian", CODING_NATIVE},
    {"1.2.840.10008.1.2.1", "Explicit VR Little Endian", CODING_NATIVE},
    {"1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", CODING_NATIVE},
    {"1.2.840.10008.1.2.2", "Explicit VR Big Endian", CODING_NATIVE},
    {"1.2.840.10008.1.2.5", "RLE Lossless", CODING_RLE},
    {"1.2.840.10008.1.2.4.50", "JPEG Baseline", CODING_JPEG},
    {"1.2.840.10008.1.2.4.51", "JPEG Extended", CODING_JPEG},
    {"1.2.840.10008.1.2.4.57", "JPEG Lossless", CODING_JPEG_LOSSLESS},
    {"1.2.840.10008.1.2.4.70", "JPEG Lossless, First-Order Prediction", CODING_JPEG_LOSSLESS},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", CODING_JPEG_LS},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS Near-Lossless", CODING_JPEG_LS},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless", CODING_JPEG_2000},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", CODING_JPEG_2000},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Lossless", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.94", "JPIP Referenced", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.100", "MPEG2 Main Profile", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.101", "MPEG2 Main Profile, High Level", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.107", "HEVC/H.265", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.110", "JPEG XL Lossless", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Lossless", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL, Lossless", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", CODING_UNKNOWN},
    {"1.2.840.10008.1.2.6.1", "RFC 2557 MIME encapsulation", CODING_UNKNOWN},
    {"1.2.840.10008.1.20", "Papyrus 3 Implicit VR Little Endian", CODING_UNKNOWN},
    {"1.2.840.113619.5.2", "GE Private Implicit VR Big Endian", CODING_UNKNOWN},
};

/* What stands before all UIDs of storage. */
static const char STORAGE[] = "1.2.840.10008.5.1.4.1.1.";

static const struct object {
    const char *uid; /* behind STORAGE; one that ends with '.' is of all that begin so */
    const char *name;
    enum object_kind kind;
} OBJECTS[] = {
    {"1", "Computed Radiography Image", OBJECT_RADIOGRAPH},
    {"1.1", "Digital X-Ray Image", OBJECT_RADIOGRAPH},
    {"1.1.1", "Digital X-Ray Image for Processing", OBJECT_FOR_PROCESSING},
    {"7", "Secondary Capture Image", OBJECT_RADIOGRAPH},
    {"7.2", "Multi-frame Secondary Capture Image", OBJECT_RADIOGRAPH},
    {"7.3", "Multi-frame Secondary Capture Image", OBJECT_RADIOGRAPH},
    {"7.4", "Multi-frame Secondary Capture Image", OBJECT_RADIOGRAPH},
    {"1.2", "Digital Mammography Image", OBJECT_OTHER},
    {"1.2.1", "Digital Mammography Image", OBJECT_OTHER},
    {"1.3", "Digital Intra-Oral X-Ray Image", OBJECT_OTHER},
    {"1.3.1", "Digital Intra-Oral X-Ray Image", OBJECT_OTHER},
    {"2", "CT Image", OBJECT_OTHER},
    {"2.", "CT Image", OBJECT_OTHER},
    {"3.1", "Ultrasound Image", OBJECT_OTHER},
    {"4", "MR Image", OBJECT_OTHER},
    {"4.2", "MR Spectroscopy", OBJECT_NO_PICTURE},
    {"4.", "MR Image", OBJECT_OTHER},
    {"6.", "Ultrasound Image", OBJECT_OTHER},
    {"7.1", "Multi-frame Single Bit Secondary Capture Image", OBJECT_OTHER},
    {"9.", "Waveform", OBJECT_NO_PICTURE},
    {"11.", "Presentation State", OBJECT_NO_PICTURE},
    {"12.1", "X-Ray Angiographic Image", OBJECT_OTHER},
    {"12.2", "X-Ray Radiofluoroscopic Image", OBJECT_OTHER},
    {"12.", "X-Ray Angiographic Image", OBJECT_OTHER},
    {"13.1.", "3D X-Ray Image", OBJECT_OTHER},
    {"20", "Nuclear Medicine Image", OBJECT_OTHER},
    {"66.4", "Segmentation", OBJECT_OTHER},
    {"66", "Raw Data", OBJECT_NO_PICTURE},
    {"66.", "Registration or Measurement", OBJECT_NO_PICTURE},
    {"67", "Real World Value Mapping", OBJECT_NO_PICTURE},
    {"77.1.", "Visible Light Image", OBJECT_OTHER},
    {"88.59", "Key Object Selection", OBJECT_NO_PICTURE},
    {"88.", "Structured Report", OBJECT_NO_PICTURE},
    {"104.1", "Encapsulated PDF", OBJECT_NO_PICTURE},
    {"104.", "Encapsulated Document", OBJECT_NO_PICTURE},
    {"128", "PET Image", OBJECT_OTHER},
    {"128.", "PET Image", OBJECT_OTHER},
    {"130", "PET Image", OBJECT_OTHER},
    {"481.1", "RT Image", OBJECT_OTHER},
    {"481.2", "RT Dose", OBJECT_OTHER},
    {"481.", "RT Plan or Structure Set", OBJECT_NO_PICTURE},
};

static const char DIRECTORY[] = "1.2.840.10008.1.3.10";

/* NULL: of no kind that is known. */
static const struct syntax *syntax_find(const char *uid)
{
    for (size_t i = 0; i < sizeof SYNTAXES / sizeof *SYNTAXES; i++)
        if (!strcmp(SYNTAXES[i].uid, uid))
            return &SYNTAXES[i];
    return NULL;
}

static const struct object *object_find(const char *uid)
{
    size_t prefix = sizeof STORAGE - 1;
    if (strncmp(uid, STORAGE, prefix))
        return NULL;
    for (size_t i = 0; i < sizeof OBJECTS / sizeof *OBJECTS; i++) {
        size_t length = strlen(OBJECTS[i].uid);
        bool all = OBJECTS[i].uid[length - 1] == '.';
        if (all ? !strncmp(uid + prefix, OBJECTS[i].uid, length) : !strcmp(uid + prefix, OBJECTS[i].uid))
            return &OBJECTS[i];
    }
    return NULL;
}

enum coding syntax_coding(const char *uid)
{
    const struct syntax *syntax = syntax_find(uid);
    return syntax ? syntax->coding : CODING_UNKNOWN;
}

enum status syntax_refuse(const char *uid, struct failure *failure)
{
    const struct syntax *syntax = syntax_find(uid);
    return failure_set(failure, STATUS_UNSUPPORTED_MEDIA,
                       "The DICOM file's transfer syntax is %s (%.64s), which is not read here. Export it as "
                       "implicit, explicit, big endian or deflated VR, RLE, JPEG (baseline, extended or "
                       "lossless), JPEG-LS or JPEG 2000.",
                       syntax ? syntax->name : "of no kind that is known here", uid);
}

enum object_kind object_kind(const char *uid)
{
    const struct object *object = object_find(uid);
    if (!strcmp(uid, DIRECTORY))
        return OBJECT_DIRECTORY;
    return object ? object->kind : OBJECT_OTHER;
}

enum status object_refuse(const char *uid, struct failure *failure)
{
    const struct object *object = object_find(uid);
    if (!*uid)
        return failure_set(
            failure, STATUS_UNSUPPORTED_MEDIA,
            "The DICOM file does not say what it holds (SOP Class UID), so it is not read here; "
            "send a radiograph: Computed Radiography, Digital X-Ray or Secondary Capture.");
    const char *name = !strcmp(uid, DIRECTORY) ? "DICOMDIR, a list of files"
                       : object                ? object->name
                                               : "of no kind that is known here";
    return failure_set(failure, STATUS_UNSUPPORTED_MEDIA,
                       "The DICOM file's SOP class is %s (%.64s), which is not read here; send a radiograph: "
                       "Computed Radiography, Digital X-Ray or Secondary Capture.",
                       name, uid);
}
