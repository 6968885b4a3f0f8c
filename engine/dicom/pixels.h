/* What a DICOM file says of its pixels, one step each. Private to engine/dicom. */
#ifndef CXRD_ENGINE_DICOM_PIXELS_H
#define CXRD_ENGINE_DICOM_PIXELS_H

#include "engine/dicom/dicom.h"

/* The form of the pixels (PS3.3, C.7.6.3): size, channels, bits, sign. Fails with UNPROCESSABLE and
 * UNSUPPORTED_MEDIA. */
WARN_UNUSED enum status pixels_describe(struct dicom *dicom, struct failure *failure);
/* Where the first frame is (PS3.5, section 8 and A.4), and whether it is all there. Fails with UNPROCESSABLE,
 * UNSUPPORTED_MEDIA, OUT_OF_MEMORY. */
WARN_UNUSED enum status pixels_find(struct dicom *dicom, struct failure *failure);
/* How stored values become grey (PS3.3, C.11.1 and C.11.2), with remarks. Fails with UNPROCESSABLE. */
WARN_UNUSED enum status greyscale_read(struct dicom *dicom, struct failure *failure);

#endif
