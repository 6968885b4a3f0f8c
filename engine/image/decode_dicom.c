/* DICOM radiographs as images: engine/dicom reads, and this file bounds, and says in images' words, what it
 * finds. JPEG of 8 bits goes through the decoder that JPEG files go through.
 */
#include "engine/dicom/dicom.h"
#include "engine/image/container.h"

#include <stdlib.h>

/* Stored values from a codestream of 8 bits, of colours as grey. */
static enum status decode_jpeg(const struct dicom *dicom, uint8_t *room, const struct image_options *options,
                               struct failure *failure, struct image_info *info, uint16_t *out)
{
    struct image_info frame = {0};
    struct samples samples = {0};
    const size_t pixels = (size_t)info->width * info->height;
    enum status status = image_decode_jpeg(dicom->frame, room, options, failure, &frame, &samples);
    if (status)
        return failure_prefix(failure, "Inside the DICOM file");
    const uint8_t *rgb = samples.values;
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        unsigned grey = (299u * rgb[0] + 587u * rgb[1] + 114u * rgb[2] + 500u) / 1000u;
        out[i] = (uint16_t)(dicom->form.is_signed ? (int8_t)grey : (int)grey);
    }
    info->warnings |= frame.warnings & IMAGE_WARNING_LOOSE;
    samples_finish(&samples);
    return STATUS_OK;
}

/* What is told of a file whose greys become the network's by that profile: the window is voi's. */
static void tell(const struct dicom *dicom, enum dicom_profile profile, struct image_info *info)
{
    uint32_t remarks = dicom->remarks;
    info->dicom = dicom->facts;
    info->dicom.profile = profile;
    if (profile != DICOM_PROFILE_VOI)
        remarks &= ~(uint32_t)(DICOM_REMARK_NO_WINDOW | DICOM_REMARK_WINDOWS);
    else if (!dicom->greyscale.voi.count && dicom->colour == DICOM_GREY)
        info->dicom.window = dicom->greyscale.window;
    info->warnings |= remarks * IMAGE_WARNING_DICOM;
}

enum status image_decode_dicom(struct bytes encoded, uint8_t *room, const struct image_options *options,
                               struct failure *failure, struct image_info *info, struct samples *out)
{
    struct dicom dicom;
    uint16_t *values = NULL;
    enum status status = dicom_open(encoded, options->uids, failure, &dicom);
    info->width = dicom.form.columns;
    info->height = dicom.form.rows;
    if (status)
        return status;
    info->bits = dicom.form.stored;
    info->channels = dicom.form.channels;
    status = image_size_check(info->width, info->height, failure);
    if (!status && !(values = malloc((size_t)info->width * info->height * sizeof *values)))
        status = image_no_memory(failure);
    if (!status && dicom_is_plain_jpeg(&dicom))
        status = decode_jpeg(&dicom, room, options, failure, info, values);
    else if (!status)
        status = dicom_decode(&dicom, failure, values);
    if (status) {
        free(values);
    } else {
        tell(&dicom, options->dicom_profile == DICOM_PROFILE_VOI ? DICOM_PROFILE_VOI : DICOM_PROFILE_MIMIC,
             info);
        *out = (struct samples){.channels = 1,
                                .bits = 16,
                                .values = values,
                                .greyscale = memory_allocate(1, sizeof *out->greyscale)};
        *out->greyscale = dicom.greyscale;
        dicom.greyscale = (struct greyscale){0};
    }
    dicom_finish(&dicom);
    return status;
}

uint64_t image_peek_dicom(struct bytes encoded)
{
    uint32_t width, height;
    dicom_size(encoded, &width, &height);
    return (uint64_t)width << 32 | height;
}
