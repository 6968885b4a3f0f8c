#include "engine/dicom/dicom.h"
#include "engine/dicom/rle.h"

#include <stdlib.h>
#include <string.h>

/* How one sample is read: bytes a sample, which of its bits count, and whether the highest is a sign. */
struct sample_form {
    unsigned bytes, shift, stored;
    bool is_signed, is_big_endian, is_swapped; /* swapped: bytes in words of big endian order (OW) */
};

/* PS3.5, section 8.1.1: the bits stored, ending at the high bit, with the sign carried on. */
static uint16_t stored_bits(uint32_t cell, const struct sample_form *form)
{
    uint32_t mask = (1u << form->stored) - 1, value = cell >> form->shift & mask;
    if (form->is_signed && value >> (form->stored - 1))
        value |= ~mask;
    return (uint16_t)value;
}

static uint32_t cell_read(const uint8_t *samples, size_t i, const struct sample_form *form)
{
    if (form->bytes == 1)
        return samples[form->is_swapped ? i ^ 1 : i];
    const uint8_t *at = samples + 2 * i;
    return form->is_big_endian ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
}

/* The weights of ITU-R BT.601, as of JPEG's Y. */
static uint16_t grey_of(uint32_t red, uint32_t green, uint32_t blue)
{
    return (uint16_t)((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

/* Samples of a frame to its stored values, of which there are `pixels`. */
static void frame_read(const struct dicom *dicom, const uint8_t *samples, const struct sample_form *form,
                       bool planar, uint16_t *out)
{
    const size_t pixels = (size_t)dicom->form.rows * dicom->form.columns;
    const size_t step = dicom->colour == DICOM_GREY || planar ? 1 : 3, plane = planar ? pixels : 1;
    for (size_t i = 0; i < pixels; i++) {
        size_t at = i * step;
        if (dicom->colour == DICOM_RGB)
            out[i] = grey_of(stored_bits(cell_read(samples, at, form), form),
                             stored_bits(cell_read(samples, at + plane, form), form),
                             stored_bits(cell_read(samples, at + 2 * plane, form), form));
        else
            out[i] = stored_bits(cell_read(samples, at, form), form);
    }
}

static void decode_native(const struct dicom *dicom, uint16_t *out)
{
    const struct frame_form *form = &dicom->form;
    const struct data_element *pixels = &dicom->set.elements[DICOM_PIXEL_DATA];
    const struct sample_form sample = {.bytes = form->allocated / 8,
                                       .shift = dicom->high_bit + 1 - form->stored,
                                       .stored = form->stored,
                                       .is_signed = form->is_signed,
                                       .is_big_endian = dicom->set.is_big_endian,
                                       .is_swapped = dicom->set.is_big_endian && form->allocated == 8 &&
                                                     !strcmp(pixels->form, "OW")};
    frame_read(dicom, dicom->frame.data, &sample, dicom->is_planar, out);
}

/* A codestream holds values, not cells: what is above the bits stored belongs to them, but for a sign. */
static enum status decode_codestream(const struct dicom *dicom, struct failure *failure, uint16_t *out)
{
    const struct frame_form *form = &dicom->form;
    const struct sample_form sample = {.bytes = form->allocated / 8,
                                       .stored = form->is_signed ? form->stored : form->allocated,
                                       .is_signed = form->is_signed};
    size_t size = (size_t)form->rows * form->columns * form->channels * sample.bytes;
    uint8_t *samples = malloc(size);
    enum codestream_result result = CODESTREAM_NO_MEMORY;
    if (samples && dicom->coding == CODING_RLE)
        result = rle_decode(dicom->frame, form, samples) ? CODESTREAM_DONE : CODESTREAM_DAMAGED;
    else if (samples)
        result = codestream_decode(dicom->coding, dicom->frame.data, dicom->frame.size, form, samples, size);
    if (result == CODESTREAM_DONE)
        frame_read(dicom, samples, &sample, false, out);
    free(samples);
    if (result == CODESTREAM_NO_MEMORY)
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to decode the image.");
    if (result)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The DICOM file is damaged: its compressed pixels cannot be decoded. Export it "
                           "again.");
    return STATUS_OK;
}

enum status dicom_decode(const struct dicom *dicom, struct failure *failure, uint16_t *out)
{
    if (dicom->coding != CODING_NATIVE)
        return decode_codestream(dicom, failure, out);
    decode_native(dicom, out);
    return STATUS_OK;
}

bool dicom_is_plain_jpeg(const struct dicom *dicom)
{
    struct codestream_header header;
    return dicom->coding == CODING_JPEG && dicom->colour != DICOM_RGB &&
           codestream_look(dicom->coding, dicom->frame, &header) && header.precision == 8;
}
