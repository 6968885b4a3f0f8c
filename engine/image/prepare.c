#include "engine/image/image.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Where the centre begins: half of what is left over, and half of an odd number rounded as the training did.
 */
static uint32_t centre_offset(uint32_t whole, uint32_t part, enum profile_centre centre)
{
    uint32_t rest = whole - part, half = rest / 2;
    bool up = centre == PROFILE_CENTRE_EVEN && rest % 2 && half % 2; /* as Python's round() */
    return up ? half + 1 : half;
}

/* What a picture is resized to cover. */
struct edge {
    uint64_t height, width;
};

static struct edge edge_of(const struct target *target)
{
    const struct profile *profile = target->profile;
    return profile->edge_height ? (struct edge){profile->edge_height, profile->edge_width}
                                : (struct edge){target->height, target->width};
}

/* As timm's ResizeKeepRatio.get_params does it (timm/data/transforms.py): both sides are divided, in double
 * precision, by the smaller of their ratios to the edge, and rounded as Python's round() does. */
static void divide_sides(double width, double height, struct edge edge, struct resize *out)
{
    const double ratio_y = height / (double)edge.height, ratio_x = width / (double)edge.width;
    const double ratio = ratio_y < ratio_x ? ratio_y : ratio_x;
    out->height = (uint32_t)rint(height / ratio);
    out->width = (uint32_t)rint(width / ratio);
}

/* The size of the whole resized image; rounded down as torchvision's Resize and transformers'
 * get_resize_output_image_size do it for one number: int(edge * long / short). */
static void resized_size(uint64_t width, uint64_t height, const struct target *target, struct resize *out)
{
    const struct edge edge = edge_of(target);
    if (target->profile->resize == PROFILE_EXACT) {
        out->width = (uint32_t)edge.width;
        out->height = (uint32_t)edge.height;
    } else if (target->profile->rounding == PROFILE_ROUND_NEAREST) {
        divide_sides((double)width, (double)height, edge, out);
    } else if (width * edge.height > height * edge.width) {
        out->height = (uint32_t)edge.height;
        out->width = (uint32_t)(edge.height * width / height);
    } else {
        out->width = (uint32_t)edge.width;
        out->height = (uint32_t)(edge.width * height / width);
    }
}

static struct resize resize_of(uint32_t width, uint32_t height, const struct target *target)
{
    assert(target->width > 0 && target->height > 0 && width > 0 && height > 0);
    struct resize resize = {
        .filter = target->profile->filter, .crop_width = target->width, .crop_height = target->height};
    resized_size(width, height, target, &resize);
    assert(resize.width >= target->width && resize.height >= target->height);
    resize.crop_x = centre_offset(resize.width, target->width, target->profile->centre);
    resize.crop_y = centre_offset(resize.height, target->height, target->profile->centre);
    return resize;
}

static void range_measure(struct frame *frame)
{
    const uint8_t *pixel = frame->pixels;
    size_t count = (size_t)frame->height * frame->width;
    for (int c = 0; c < 3; c++) {
        frame->minimum[c] = 255;
        frame->maximum[c] = 0;
    }
    for (size_t i = 0; i < count; i++, pixel += 3)
        for (int c = 0; c < 3; c++) {
            frame->minimum[c] = pixel[c] < frame->minimum[c] ? pixel[c] : frame->minimum[c];
            frame->maximum[c] = pixel[c] > frame->maximum[c] ? pixel[c] : frame->maximum[c];
        }
}

/* A channel of one value cannot be stretched; a picture of one value shows nothing. */
static enum status check_contrast(const struct frame *frame, bool min_max, struct failure *failure)
{
    int constant = 0;
    for (int c = 0; c < 3; c++)
        constant += frame->minimum[c] == frame->maximum[c];
    if (!constant || (!min_max && constant < 3))
        return STATUS_OK;
    return failure_set(failure, STATUS_UNPROCESSABLE,
                       "The image has no contrast: in the part the network sees, %s the same value "
                       "everywhere.",
                       constant == 3 ? "all pixels have" : "a colour channel has");
}

enum status image_prepare(const struct image *image, const struct target *target, struct failure *failure,
                          struct frame *out, struct region *region)
{
    struct resize resize = resize_of(image->width, image->height, target);
    struct frame frame = {.height = target->height, .width = target->width};
    frame.pixels = memory_allocate((size_t)frame.height * frame.width, 3);
    enum status status = image_resize(image, &resize, failure, frame.pixels);
    if (!status) {
        range_measure(&frame);
        status = check_contrast(&frame, target->profile->min_max, failure);
    }
    if (status) {
        frame_finish(&frame);
        return status;
    }
    *region = image_region(image->width, image->height, target);
    *out = frame;
    return STATUS_OK;
}

struct region image_region(uint32_t width, uint32_t height, const struct target *target)
{
    struct resize resize = resize_of(width, height, target);
    double scale_x = (double)width / resize.width, scale_y = (double)height / resize.height;
    return (struct region){resize.crop_x * scale_x, resize.crop_y * scale_y, resize.crop_width * scale_x,
                           resize.crop_height * scale_y};
}

/* What is shown of the image's area is compared in whole numbers, before the resized sides are rounded. */
uint32_t image_crop_warning(uint32_t width, uint32_t height, const struct target *target)
{
    const struct edge edge = edge_of(target);
    uint64_t shown = (uint64_t)target->height * target->width, all = edge.height * edge.width;
    if (target->profile->resize == PROFILE_SHORTEST_EDGE) {
        const bool is_wide = width * edge.height > height * edge.width;
        shown *= is_wide ? height : width;
        all = is_wide ? width * edge.height * edge.height : height * edge.width * edge.width;
    }
    return 2 * all > 3 * shown ? IMAGE_WARNING_CROPPED : 0;
}

void frame_finish(struct frame *frame)
{
    free(frame->pixels);
    *frame = (struct frame){0};
}
