#include "engine/image/container.h"

#include <stdlib.h>
#include <string.h>

static const char *warning_sentence(enum image_warning bit)
{
    switch (bit) {
    case IMAGE_WARNING_RESCALED:
        return "The image has 16 bits a sample; they were stretched to 8 bits between its minimum and "
               "maximum.";
    case IMAGE_WARNING_ALPHA:
        return "The image has transparency; it was dropped and the colours beneath were used.";
    case IMAGE_WARNING_ROTATION:
        return "The image asks to be rotated or mirrored (EXIF orientation); it was read as stored.";
    case IMAGE_WARNING_ANIMATION:
        return "The image is animated; only its default picture was read.";
    case IMAGE_WARNING_LOOSE:
        return "The JPEG file breaks a rule of its standard that leaves the pixels as they are: padding "
               "before a marker, a JFIF or Adobe version that does not exist, or parameters of another "
               "kind of scan.";
    case IMAGE_WARNING_OUTLIERS:
        return "Nearly all of the image's 16-bit samples lie within a quarter of the range that was "
               "stretched to 8 bits: a few extreme ones, such as a burnt-in marker, took the contrast "
               "of the rest.";
    case IMAGE_WARNING_INVERTED:
        return "The image's greys look inverted: the middle is darker than the lungs beside it, and the "
               "upper corners are brighter; they were read as stored. Bone has to be bright.";
    case IMAGE_WARNING_MORE:
        return "The file goes on after the end of its image, as with a second picture or a film; only "
               "the image was read.";
    case IMAGE_WARNING_CROPPED:
        return "Over a third of the image was cut off: the network saw only the part in its middle.";
    case IMAGE_WARNING_DICOM:
    case IMAGE_WARNING_END:
        break;
    }
    return "";
}

static bool is_padding(uint8_t byte)
{
    return byte == 0 || byte == 0xFF || byte == ' ' || (byte >= '\t' && byte <= '\r');
}

const char *image_warning_next(uint32_t *left)
{
    uint32_t bit = *left & -*left & (IMAGE_WARNING_END - 1);
    *left &= *left - 1;
    if (bit >= IMAGE_WARNING_DICOM)
        return dicom_remark_sentence((unsigned)__builtin_ctz(bit / IMAGE_WARNING_DICOM));
    return bit ? warning_sentence((enum image_warning)bit) : NULL;
}

char *image_warnings_join(uint32_t warnings)
{
    size_t bytes = 1;
    const char *sentence;
    for (uint32_t left = warnings; (sentence = image_warning_next(&left));)
        bytes += strlen(sentence) + 1;
    char *text = memory_allocate(bytes, 1);
    for (uint32_t left = warnings; (sentence = image_warning_next(&left));) {
        strcat(text, *text ? " " : "");
        strcat(text, sentence);
    }
    return text;
}

void image_note_rest(struct bytes rest, struct image_info *info)
{
    size_t i = 0;
    while (i < rest.size && is_padding(rest.data[i]))
        i++;
    if (i < rest.size)
        info->warnings |= IMAGE_WARNING_MORE;
}

enum status image_size_check(uint32_t width, uint32_t height, struct failure *failure)
{
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || (uint64_t)width * height > IMAGE_PIXELS_MAX)
        return failure_set(failure, STATUS_TOO_LARGE,
                           "The image is %u x %u pixels; sides may be %d to %d pixels and the whole at most "
                           "%u megapixels.",
                           width, height, IMAGE_SIDE_MIN, IMAGE_SIDE_MAX, IMAGE_PIXELS_MAX / 1000000);
    if (width < IMAGE_SIDE_MIN || height < IMAGE_SIDE_MIN)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The image is too small: %u x %u pixels; each side needs at least %d.", width,
                           height, IMAGE_SIDE_MIN);
    return STATUS_OK;
}

enum status image_no_memory(struct failure *failure)
{
    return failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to decode the image.");
}

enum status image_decode(struct bytes encoded, struct failure *failure, struct image *out,
                         struct image_info *info)
{
    return image_decode_into(encoded, NULL, NULL, failure, out, info);
}

enum status image_decode_into(struct bytes encoded, uint8_t *room, const struct image_options *options,
                              struct failure *failure, struct image *out, struct image_info *info)
{
    static const struct image_options none = {0};
    *info = (struct image_info){.format = image_sniff(encoded)};
    if (encoded.size == 0)
        return failure_set(failure, STATUS_UNPROCESSABLE, "The image is empty: it has 0 bytes.");
    if (encoded.size > INT32_MAX)
        return failure_set(failure, STATUS_TOO_LARGE, "The image file is over 2 GiB.");
    image_decoder *decode = image_format_reader(info->format)->decode;
    if (!decode)
        return image_format_refuse(info->format, failure);
    uint8_t *pixels = NULL;
    struct samples samples = {0};
    enum status status = decode(encoded, room, options ? options : &none, failure, info, &samples);
    if (!status)
        status = image_present(&samples, room, failure, info, &pixels);
    samples_finish(&samples);
    if (status)
        return status;
    *out = (struct image){info->width, info->height, pixels};
    if (image_looks_inverted(out))
        info->warnings |= IMAGE_WARNING_INVERTED;
    return STATUS_OK;
}

void image_finish(struct image *image)
{
    free(image->pixels);
    *image = (struct image){0};
}
