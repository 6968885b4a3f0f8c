/* DICOM's run-length coding of a frame. (PS3.5, annex G) Private to engine/dicom. */
#ifndef CXRD_ENGINE_DICOM_RLE_H
#define CXRD_ENGINE_DICOM_RLE_H

#include "engine/base/memory.h"
#include "engine/dicom/codestream.h"

/* Decodes a frame of `form` into `out`: rows from the top, channels interleaved, samples of one byte, or of
 * two in little endian order. False where segments are missing, lead past the end, or hold more or less than
 * the frame. */
bool rle_decode(struct bytes frame, const struct frame_form *form, uint8_t *out);

#endif
