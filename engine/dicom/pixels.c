#include "engine/dicom/pixels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The DICOM file is damaged: %s. Export it again.",
                       what);
}

static enum status unsupported(struct failure *failure, const char *what, const char *value)
{
    return failure_set(failure, STATUS_UNSUPPORTED_MEDIA,
                       "The DICOM file has %s %s, which is not read here; export it in grey of 8 to 16 bits "
                       "(MONOCHROME1 or MONOCHROME2).",
                       what, value);
}

/* A word that is `otherwise` where the file does not say. */
static unsigned word_of(const struct dataset *set, enum attribute attribute, unsigned otherwise)
{
    uint16_t value;
    return dataset_word(set, attribute, 0, &value) ? value : otherwise;
}

/* PS3.3, C.7.6.3.1.2 (Photometric Interpretation), with as many channels as it has. */
static enum status describe_colour(struct dicom *dicom, struct failure *failure)
{
    char name[DICOM_CODE_BYTES];
    unsigned channels = word_of(&dicom->set, DICOM_SAMPLES_PER_PIXEL, 1);
    dataset_text(&dicom->set, DICOM_PHOTOMETRIC_INTERPRETATION, 0, name, sizeof name);
    bool native_422 = dicom->coding == CODING_NATIVE && !strcmp(name, "YBR_FULL_422");
    bool ybr = !strcmp(name, "YBR_FULL") || !strcmp(name, "YBR_FULL_422"),
         rgb = !strcmp(name, "RGB") || !strcmp(name, "YBR_RCT") || !strcmp(name, "YBR_ICT"),
         grey = !strcmp(name, "MONOCHROME1") || !strcmp(name, "MONOCHROME2");
    if (!*name)
        return damaged(failure, "it does not say what its pixels mean (Photometric Interpretation)");
    if (native_422 || (!ybr && !rgb && !grey))
        return unsupported(failure, "the Photometric Interpretation", name);
    if (channels != (grey ? 1 : 3))
        return damaged(failure, "its Samples per Pixel do not fit its Photometric Interpretation");
    dicom->colour = grey ? DICOM_GREY : ybr ? DICOM_YBR : DICOM_RGB;
    dicom->form.channels = channels;
    dicom->is_planar = channels > 1 && word_of(&dicom->set, DICOM_PLANAR_CONFIGURATION, 0) == 1;
    dicom->greyscale.is_inverted = !strcmp(name, "MONOCHROME1");
    if (dicom->greyscale.is_inverted)
        dicom->remarks |= DICOM_REMARK_MONOCHROME1;
    if (!grey)
        dicom->remarks |= DICOM_REMARK_COLOUR;
    return STATUS_OK;
}

/* PS3.3, C.7.6.3.1.1 and PS3.5, section 8.1.1: the bits of a sample, stored within those allocated. */
static enum status describe_bits(struct dicom *dicom, struct failure *failure)
{
    struct frame_form *form = &dicom->form;
    form->allocated = word_of(&dicom->set, DICOM_BITS_ALLOCATED, 0);
    form->stored = word_of(&dicom->set, DICOM_BITS_STORED, form->allocated);
    dicom->high_bit = word_of(&dicom->set, DICOM_HIGH_BIT, form->stored - 1);
    form->is_signed = word_of(&dicom->set, DICOM_PIXEL_REPRESENTATION, 0) == 1;
    dicom->greyscale.is_signed = form->is_signed;
    char bits[32];
    snprintf(bits, sizeof bits, "%u", form->allocated);
    if (!form->allocated)
        return damaged(failure, "it does not say how many bits a pixel has (Bits Allocated)");
    if (form->allocated != 8 && (form->allocated != 16 || form->channels > 1))
        return unsupported(failure,
                           form->channels > 1 ? "colours with Bits Allocated of" : "Bits Allocated of", bits);
    if (form->stored < 2 || form->stored > form->allocated || dicom->high_bit >= form->allocated ||
        dicom->high_bit + 1 < form->stored)
        return damaged(failure, "its Bits Stored and High Bit do not fit its Bits Allocated");
    return STATUS_OK;
}

enum status pixels_describe(struct dicom *dicom, struct failure *failure)
{
    dicom->form.rows = word_of(&dicom->set, DICOM_ROWS, 0);
    dicom->form.columns = word_of(&dicom->set, DICOM_COLUMNS, 0);
    if (!dataset_has(&dicom->set, DICOM_PIXEL_DATA))
        return damaged(failure, "it has no pixels (Pixel Data)");
    if (!dicom->form.rows || !dicom->form.columns)
        return damaged(failure, "it does not say how large its image is (Rows, Columns)");
    enum status status = describe_colour(dicom, failure);
    return status ? status : describe_bits(dicom, failure);
}

static enum status truncated(struct failure *failure)
{
    return failure_set(failure, STATUS_UNPROCESSABLE,
                       "The DICOM file is truncated: it ends before its pixels do. Send the whole file.");
}

/* The bytes of a native frame. */
static size_t frame_bytes(const struct frame_form *form)
{
    return (size_t)form->rows * form->columns * form->channels * (form->allocated / 8);
}

static double frames_of(const struct dicom *dicom)
{
    double frames = 1;
    (void)dataset_decimal(&dicom->set, DICOM_FRAMES, 0, &frames);
    return frames;
}

static enum status find_native(struct dicom *dicom, struct failure *failure)
{
    const struct data_element *pixels = &dicom->set.elements[DICOM_PIXEL_DATA];
    const size_t size = frame_bytes(&dicom->form);
    if (pixels->is_undefined)
        return damaged(failure, "its pixels are in fragments, as compressed ones are, and its transfer "
                                "syntax says that they are not");
    if (pixels->value.size < size)
        return truncated(failure);
    if (frames_of(dicom) <= 1 && pixels->value.size >= 2 * size)
        return damaged(failure, "it has more pixels than its Rows, Columns and Bits Allocated say");
    dicom->frame = (struct bytes){pixels->value.data, size};
    return STATUS_OK;
}

/* Where the second frame begins in the fragments, as the table of offsets says; 0: it says nothing. */
static uint32_t second_offset(struct bytes table)
{
    const uint8_t *at = table.data + 4;
    return table.size < 8
               ? 0
               : (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The fragments of the first frame: all of one frame; of several those before the second, as the table says,
 * or up to the first that ends a codestream. */
static enum status walk_fragments(const struct dicom *dicom, uint8_t *joined, struct failure *failure,
                                  struct bytes *first, size_t *count, size_t *size)
{
    const double frames = frames_of(dicom);
    size_t at = 0;
    struct bytes fragment, table = {0};
    bool cut = false;
    *count = *size = 0;
    if (!dataset_fragment(&dicom->set, &at, &table, &cut))
        return cut ? truncated(failure) : damaged(failure, "its compressed pixels have no fragments");
    const size_t begin = at;
    const uint32_t second = frames > 1 ? second_offset(table) : 0;
    while (!(second && at - begin >= second) && dataset_fragment(&dicom->set, &at, &fragment, &cut)) {
        if (joined)
            memcpy(joined + *size, fragment.data, fragment.size);
        if (!*count)
            *first = fragment;
        *size += fragment.size;
        ++*count;
        if (frames > 1 && !second && codestream_is_whole(dicom->coding, fragment))
            break;
    }
    if (cut)
        return truncated(failure);
    return *count ? STATUS_OK : damaged(failure, "its compressed pixels have no fragments");
}

static enum status find_fragments(struct dicom *dicom, struct failure *failure)
{
    size_t count = 0, size = 0;
    struct bytes first = {0};
    if (!dicom->set.elements[DICOM_PIXEL_DATA].is_undefined)
        return damaged(failure, "its pixels are not in fragments, as its transfer syntax says");
    enum status status = walk_fragments(dicom, NULL, failure, &first, &count, &size);
    if (status)
        return status;
    dicom->frame = first;
    if (count == 1)
        return STATUS_OK;
    dicom->joined = malloc(size ? size : 1);
    if (!dicom->joined)
        return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to decode the image.");
    dicom->frame = (struct bytes){dicom->joined, size};
    return walk_fragments(dicom, dicom->joined, failure, &first, &count, &size);
}

/* A codestream says its size too; a decoder believes it. */
static enum status check_codestream(const struct dicom *dicom, struct failure *failure)
{
    const struct frame_form *form = &dicom->form;
    struct codestream_header header;
    if (dicom->coding == CODING_RLE)
        return STATUS_OK;
    if (!codestream_look(dicom->coding, dicom->frame, &header))
        return damaged(failure, "its compressed pixels are not what its transfer syntax says");
    if (header.rows != form->rows || header.columns != form->columns)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The DICOM file is damaged: it says %u x %u pixels, its compressed pixels say "
                           "%u x %u. Export it again.",
                           form->columns, form->rows, header.columns, header.rows);
    if (header.channels != form->channels || header.precision > form->allocated)
        return damaged(failure, "its compressed pixels have other channels or more bits than it says");
    if (!codestream_is_whole(dicom->coding, dicom->frame))
        return truncated(failure);
    return STATUS_OK;
}

/* Some programs put a whole JP2 file where its codestream belongs (PS3.5, A.4.4). */
static void unwrap_jpeg_2000(struct dicom *dicom)
{
    static const uint8_t begin[] = {0xFF, 0x4F, 0xFF, 0x51}, box[] = "jP  ";
    const struct bytes frame = dicom->frame;
    if (dicom->coding != CODING_JPEG_2000 || frame.size < 12 || memcmp(frame.data + 4, box, 4) != 0)
        return;
    const uint8_t *at = memmem(frame.data, frame.size, begin, sizeof begin);
    if (at)
        dicom->frame = (struct bytes){at, frame.size - (size_t)(at - frame.data)};
}

enum status pixels_find(struct dicom *dicom, struct failure *failure)
{
    if (dicom->coding == CODING_NATIVE)
        return find_native(dicom, failure);
    enum status status = find_fragments(dicom, failure);
    unwrap_jpeg_2000(dicom);
    return status ? status : check_codestream(dicom, failure);
}
