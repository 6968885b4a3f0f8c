/* What the decoders behind GDCM say while they go on with a guess: GDCM itself does not ask them. Private to
 * engine/dicom. */
#ifndef CXRD_ENGINE_DICOM_CODEC_WATCH_H
#define CXRD_ENGINE_DICOM_CODEC_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* This thread begins to decode a codestream. */
void codec_watch_begin(const uint8_t *codestream, size_t bytes);
/* Whether a decoder has warned since of data that are missing or do not fit. */
bool codec_watch_warned(void);

#ifdef __cplusplus
}
#endif

#endif
