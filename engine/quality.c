#include "engine/quality.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    LEVELS = UINT8_MAX + 1,
    COLOUR_APART = 32,         /* between the channels of a pixel in colour */
    END_LEVELS = 3,            /* at either end of the range */
    CONTRAST_MIN = LEVELS / 8, /* levels from the 1st to the 99th percentile */
    PROPORTION_MAX = 2
};

static const struct {
    const char *code, *detail;
} reasons[QUALITY_REASONS] = {
#define QUALITY_ROW(name, code, detail) {code, detail},
    QUALITY_TABLE(QUALITY_ROW)
#undef QUALITY_ROW
};
static_assert(QUALITY_REASONS < 32, "a bit a reason");

/* What the file says, of which a reader is warned, too. */
static const struct {
    uint32_t warning, reason;
} said[] = {
    {IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_LATERAL, QUALITY_FILE_LATERAL},
    {IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_FRONTAL, QUALITY_FILE_FRONTAL},
    {IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_NOT_CHEST, QUALITY_FILE_NOT_A_CHEST},
    {IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_ORIENTATION, QUALITY_FILE_ORIENTATION},
    {IMAGE_WARNING_DICOM * (uint32_t)DICOM_REMARK_FOR_PROCESSING, QUALITY_FILE_FOR_PROCESSING},
    {IMAGE_WARNING_ROTATION, QUALITY_FILE_EXIF},
    {IMAGE_WARNING_INVERTED, QUALITY_PIXELS_INVERTED},
};

/* Pixels by the mean of their channels, and how many are in colour. */
struct tally {
    size_t counts[LEVELS], pixels, coloured;
};

static void count_pixels(const struct frame *frame, struct tally *out)
{
    const uint8_t *pixel = frame->pixels;
    *out = (struct tally){.pixels = (size_t)frame->height * frame->width};
    for (size_t i = 0; i < out->pixels; i++, pixel += 3) {
        const uint8_t red = pixel[0], green = pixel[1], blue = pixel[2];
        const uint8_t high = red > green ? (red > blue ? red : blue) : (green > blue ? green : blue);
        const uint8_t low = red < green ? (red < blue ? red : blue) : (green < blue ? green : blue);
        out->counts[(red + green + blue) / 3]++;
        out->coloured += high - low > COLOUR_APART;
    }
}

/* The levels between which 98 of 100 pixels lie. */
static unsigned range_of(const struct tally *tally)
{
    const size_t dropped = tally->pixels / 100;
    size_t below = 0, above = 0;
    unsigned low = 0, high = LEVELS - 1;
    while ((below += tally->counts[low]) <= dropped && low < high)
        low++;
    while ((above += tally->counts[high]) <= dropped && high > low)
        high--;
    return high - low;
}

static size_t count_ends(const struct tally *tally)
{
    size_t count = 0;
    for (size_t i = 0; i < END_LEVELS; i++)
        count += tally->counts[i] + tally->counts[LEVELS - 1 - i];
    return count;
}

uint32_t quality_look(const struct image_info *info, const struct frame *frame)
{
    struct tally tally;
    uint32_t found = 0;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        found |= info->warnings & said[i].warning ? said[i].reason : 0;
    const uint64_t width = info->width, height = info->height;
    if (width > PROPORTION_MAX * height || height > PROPORTION_MAX * width)
        found |= QUALITY_PIXELS_PROPORTIONS;
    count_pixels(frame, &tally);
    if (10 * tally.coloured > tally.pixels)
        found |= QUALITY_PIXELS_COLOUR;
    if (range_of(&tally) < CONTRAST_MIN)
        found |= QUALITY_PIXELS_CONTRAST;
    if (3 * count_ends(&tally) > 2 * tally.pixels)
        found |= QUALITY_PIXELS_EXPOSURE;
    return found;
}

/* The reason that a head's label is. */
static uint32_t reason_seen(const char *label)
{
    unsigned place = QUALITY_PLACE_SEEN_INVERTED;
    while (place < QUALITY_REASONS && strcmp(reasons[place].code, label))
        place++;
    assert(place < QUALITY_REASONS); /* card_read knows the names, too */
    return 1u << place;
}

void quality_hear(const struct head_card *head, const float *probabilities, struct quality *quality)
{
    quality->scored = true;
    quality->score = 1;
    for (size_t i = 0; i < head->label_count; i++) {
        const double probability = (double)probabilities[i];
        quality->score *= 1 - probability;
        if (probability >= head->labels[i].threshold)
            quality->reasons |= reason_seen(head->labels[i].name);
    }
}

bool quality_next(uint32_t *left, const char **code, const char **detail)
{
    if (!*left)
        return false;
    const unsigned place = (unsigned)__builtin_ctz(*left);
    *left &= *left - 1;
    *code = reasons[place].code;
    *detail = reasons[place].detail;
    return true;
}

char *quality_join(const struct quality *quality)
{
    const char *code, *detail;
    size_t bytes = 1, used = 0;
    for (uint32_t left = quality->reasons; quality_next(&left, &code, &detail);)
        bytes += strlen(code) + strlen(detail) + 3;
    char *text = memory_allocate(bytes, 1);
    for (uint32_t left = quality->reasons; quality_next(&left, &code, &detail);)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s: %s", used ? " " : "", code, detail);
    return text;
}

/* Whether a reason is there, and none before it has its code. */
static bool is_new(uint32_t there, unsigned place)
{
    for (unsigned before = 0; before < place; before++)
        if (there >> before & 1 && !strcmp(reasons[before].code, reasons[place].code))
            return false;
    return there >> place & 1;
}

enum status quality_require(const struct quality *quality, struct failure *failure)
{
    enum { CODES_BYTES = 128 };
    char codes[CODES_BYTES] = "";
    if (!quality->reasons)
        return STATUS_OK;
    for (unsigned place = 0; place < QUALITY_REASONS; place++) {
        const size_t used = strlen(codes);
        if (is_new(quality->reasons, place))
            snprintf(codes + used, sizeof codes - used, "%s%s", used ? ", " : "", reasons[place].code);
    }
    return failure_set(failure, STATUS_UNPROCESSABLE,
                       "The picture is not acceptable (%s), as require_quality asks. %s", codes,
                       reasons[__builtin_ctz(quality->reasons)].detail);
}
