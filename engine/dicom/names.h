/* What DICOM calls its transfer syntaxes and kinds of objects, and which of them are read. (PS3.6, annex A)
 */
#ifndef CXRD_ENGINE_DICOM_NAMES_H
#define CXRD_ENGINE_DICOM_NAMES_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* How a frame's pixels are written. */
enum coding {
    CODING_UNKNOWN, /* not read */
    CODING_NATIVE,
    CODING_RLE,
    CODING_JPEG, /* baseline and extended */
    CODING_JPEG_LOSSLESS,
    CODING_JPEG_LS,
    CODING_JPEG_2000
};

/* What the program reads of a transfer syntax; CODING_UNKNOWN for all others. "" is the default one, as of
 * files that name none. */
enum coding syntax_coding(const char *uid);
/* "The DICOM file's transfer syntax is NAME (UID), ...": UNSUPPORTED_MEDIA, with those that are read. */
enum status syntax_refuse(const char *uid, struct failure *failure);

/* The kinds of objects, by their SOP class (PS3.4, table B.5-1). */
enum object_kind {
    OBJECT_OTHER,          /* not read: another kind of picture, or none */
    OBJECT_DIRECTORY,      /* a DICOMDIR */
    OBJECT_RADIOGRAPH,     /* CR, DX, and secondary captures of one */
    OBJECT_FOR_PROCESSING, /* DX, not meant to be looked at */
    OBJECT_NO_PICTURE      /* a report, a document, a plan, a wave: not read */
};
enum object_kind object_kind(const char *uid);
/* "The DICOM file's SOP class is NAME (UID), ...": UNSUPPORTED_MEDIA, with those that are read. */
enum status object_refuse(const char *uid, struct failure *failure);

#endif
