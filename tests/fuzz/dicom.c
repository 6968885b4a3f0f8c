/* Fuzzes DICOM files: recognition, a look, the attributes, the grey scale, native pixels and runs. Other
 * compressed frames are looked at and not decoded: GDCM's decoders are not ours to mend, and run in a child.
 */
#include "engine/dicom/dicom.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A header may ask for gigabytes with no data behind it: that is slow, not a finding. */
enum { AREA_MAX = 1 << 18 };

/* What was promised: stored values keep to their bits, texts are plain, and both profiles have a table. */
static void use(const struct dicom *dicom)
{
    const size_t pixels = (size_t)dicom->form.rows * dicom->form.columns;
    uint16_t *values = memory_allocate(pixels, sizeof *values);
    uint32_t *counts = memory_allocate(STORED_VALUES, sizeof *counts);
    uint8_t *table = memory_allocate(STORED_VALUES, 1);
    struct failure failure;
    const bool native = dicom->coding == CODING_NATIVE;
    if (dicom_decode(dicom, &failure, values) && native)
        abort();
    for (size_t i = 0; i < pixels; i++) {
        if (native && !dicom->form.is_signed && values[i] >> dicom->form.stored)
            abort();
        counts[values[i]]++;
    }
    greyscale_table(&dicom->greyscale, counts, DICOM_PROFILE_MIMIC, table);
    greyscale_table(&dicom->greyscale, counts, DICOM_PROFILE_VOI, table);
    free(table);
    free(counts);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes encoded = {data, size};
    struct failure failure = {0};
    struct dicom dicom;
    uint32_t width, height;
    (void)dataset_recognise(encoded);
    (void)dicom_kind(encoded);
    dicom_size(encoded, &width, &height);
    if (dicom_open(encoded, size % 2, &failure, &dicom)) {
        if (!*failure.sentence)
            abort();
        return 0;
    }
    const size_t pixels = (size_t)dicom.form.rows * dicom.form.columns;
    if (!facts_make_sense(&dicom.facts) || dicom.remarks >= DICOM_REMARK_END)
        abort();
    if (dicom.coding == CODING_NATIVE || (dicom.coding == CODING_RLE && pixels <= AREA_MAX))
        use(&dicom);
    dicom_finish(&dicom);
    return 0;
}
