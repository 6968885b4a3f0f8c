#include "engine/image/container.h"

#include <string.h>

/* Progressive files in use have 6 to 20 scans; each scan costs a pass over all coefficients. */
enum { SCANS_MAX_PROGRESSIVE = 32, COMPONENTS_MAX = 4, TABLES = 4 };

enum marker {
    MARKER_SOF0 = 0xC0,
    MARKER_SOF1 = 0xC1,
    MARKER_SOF2 = 0xC2,
    MARKER_DHT = 0xC4,
    MARKER_JPG = 0xC8,
    MARKER_DAC = 0xCC,
    MARKER_SOF15 = 0xCF,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_DQT = 0xDB,
    MARKER_DRI = 0xDD,
    MARKER_APP0 = 0xE0,
    MARKER_APP1 = 0xE1,
    MARKER_APP15 = 0xEF,
    MARKER_COM = 0xFE
};

struct component {
    uint8_t id, horizontal, vertical, quantisation;
    bool scanned;
};

struct jpeg {
    bool has_frame, progressive;
    uint32_t width, height, component_count, scan_count;
    struct component components[COMPONENTS_MAX];
    bool quantisation[TABLES], huffman[2][TABLES]; /* defined so far; huffman: DC, AC */
};

static enum status damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The JPEG file is damaged: %s. Export it again.", what);
}

static enum status truncated(struct failure *failure)
{
    return failure_set(
        failure, STATUS_UNPROCESSABLE,
        "The JPEG file is truncated: it ends before its end-of-image marker. Send the whole file.");
}

static enum status unsupported(struct failure *failure, const char *kind)
{
    return failure_set(failure, STATUS_UNSUPPORTED_MEDIA,
                       "%s JPEG files are not supported; send a baseline or progressive JPEG of 8 bits in "
                       "grey or colour, or a PNG.",
                       kind);
}

static enum status components_read(const uint8_t *at, struct failure *failure, struct jpeg *jpeg)
{
    unsigned horizontal_max = 1, vertical_max = 1;
    for (uint32_t i = 0; i < jpeg->component_count; i++, at += 3) {
        struct component *component = &jpeg->components[i];
        *component = (struct component){at[0], at[1] >> 4, at[1] & 15, at[2], false};
        if (component->horizontal < 1 || component->horizontal > 4 || component->vertical < 1 ||
            component->vertical > 4 || component->quantisation >= TABLES)
            return damaged(failure, "its frame header is not valid");
        horizontal_max = component->horizontal > horizontal_max ? component->horizontal : horizontal_max;
        vertical_max = component->vertical > vertical_max ? component->vertical : vertical_max;
    }
    for (uint32_t i = 0; i < jpeg->component_count; i++)
        if (horizontal_max % jpeg->components[i].horizontal || vertical_max % jpeg->components[i].vertical)
            return unsupported(failure, "Fractionally subsampled");
    return STATUS_OK;
}

static enum status frame_read(enum marker marker, struct bytes body, struct failure *failure,
                              struct jpeg *jpeg, struct image_info *info)
{
    if (jpeg->has_frame)
        return damaged(failure, "it has more than one frame");
    if (marker != MARKER_SOF0 && marker != MARKER_SOF1 && marker != MARKER_SOF2)
        return unsupported(failure, "Lossless, hierarchical and arithmetic-coded");
    if (body.size < 6 || body.size != 6 + 3 * (size_t)body.data[5])
        return damaged(failure, "its frame header is not valid");
    info->height = jpeg->height = read_u16(body.data + 1);
    info->width = jpeg->width = read_u16(body.data + 3);
    info->bits = body.data[0];
    jpeg->component_count = body.data[5];
    if (body.data[0] != 8)
        return unsupported(failure, "12-bit");
    if (jpeg->component_count == 4)
        return unsupported(failure, "CMYK");
    if (jpeg->component_count != 1 && jpeg->component_count != 3)
        return damaged(failure, "its frame header is not valid");
    info->channels = jpeg->component_count;
    jpeg->progressive = marker == MARKER_SOF2;
    jpeg->has_frame = true;
    enum status status = image_size_check(jpeg->width, jpeg->height, failure);
    return status ? status : components_read(body.data + 6, failure, jpeg);
}

/* The decoder trusts the sum of the code counts: more than 256 would overrun its tables. */
static enum status huffman_read(struct bytes body, struct failure *failure, struct jpeg *jpeg)
{
    for (size_t at = 0; at < body.size;) {
        if (body.size - at < 17)
            return damaged(failure, "a Huffman table is cut off");
        unsigned class = body.data[at] >> 4, table = body.data[at] & 15;
        size_t codes = 0;
        for (size_t i = 1; i <= 16; i++)
            codes += body.data[at + i];
        if (class > 1 || table >= TABLES || codes > 256 || codes > body.size - at - 17)
            return damaged(failure, "a Huffman table is not valid");
        jpeg->huffman[class][table] = true;
        at += 17 + codes;
    }
    return STATUS_OK;
}

static enum status quantisation_read(struct bytes body, struct failure *failure, struct jpeg *jpeg)
{
    for (size_t at = 0; at < body.size;) {
        unsigned precision = body.data[at] >> 4, table = body.data[at] & 15;
        size_t size = precision ? 129 : 65;
        if (precision > 1 || table >= TABLES || size > body.size - at)
            return damaged(failure, "a quantisation table is not valid");
        jpeg->quantisation[table] = true;
        at += size;
    }
    return STATUS_OK;
}

static struct component *component_find(struct jpeg *jpeg, uint8_t id)
{
    for (uint32_t i = 0; i < jpeg->component_count; i++)
        if (jpeg->components[i].id == id)
            return &jpeg->components[i];
    return NULL;
}

static enum status scan_read(struct bytes body, struct failure *failure, struct jpeg *jpeg)
{
    if (!jpeg->has_frame)
        return damaged(failure, "a scan comes before the frame header");
    if (++jpeg->scan_count > (jpeg->progressive ? SCANS_MAX_PROGRESSIVE : jpeg->component_count))
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The JPEG file has more scans than its image needs; save it again as a baseline "
                           "JPEG.");
    if (body.size < 1 || body.size != 4 + 2 * (size_t)body.data[0] || body.data[0] < 1 ||
        body.data[0] > jpeg->component_count)
        return damaged(failure, "a scan header is not valid");
    const uint8_t *parameters = body.data + 1 + 2 * body.data[0];
    unsigned spectral_start = parameters[0], high_bit = parameters[2] >> 4;
    bool uses_dc = spectral_start == 0 && high_bit == 0;
    bool uses_ac = !jpeg->progressive || spectral_start > 0;
    for (unsigned i = 0; i < body.data[0]; i++) {
        struct component *component = component_find(jpeg, body.data[1 + 2 * i]);
        unsigned tables = body.data[2 + 2 * i];
        if (!component || tables >> 4 >= TABLES || (tables & 15) >= TABLES)
            return damaged(failure, "a scan header is not valid");
        if ((uses_dc && !jpeg->huffman[0][tables >> 4]) || (uses_ac && !jpeg->huffman[1][tables & 15]) ||
            !jpeg->quantisation[component->quantisation])
            return damaged(failure, "a scan uses a table that is missing");
        component->scanned = true;
    }
    return STATUS_OK;
}

static enum status segment_read(enum marker marker, struct bytes body, struct failure *failure,
                                struct jpeg *jpeg, struct image_info *info)
{
    static const char exif[6] = "Exif";
    if (marker == MARKER_DHT)
        return huffman_read(body, failure, jpeg);
    if (marker == MARKER_DQT)
        return quantisation_read(body, failure, jpeg);
    if (marker == MARKER_SOS)
        return scan_read(body, failure, jpeg);
    if (marker >= MARKER_SOF0 && marker <= MARKER_SOF15 && marker != MARKER_JPG && marker != MARKER_DAC)
        return frame_read(marker, body, failure, jpeg, info);
    if (marker == MARKER_APP1 && body.size > sizeof exif && !memcmp(body.data, exif, sizeof exif)) {
        struct bytes tiff = {body.data + sizeof exif, body.size - sizeof exif};
        if (exif_is_rotated(tiff))
            info->warnings |= IMAGE_WARNING_ROTATION;
        return STATUS_OK;
    }
    if ((marker >= MARKER_APP0 && marker <= MARKER_APP15) || marker == MARKER_COM || marker == MARKER_DRI)
        return STATUS_OK;
    return damaged(failure, "it holds a marker that has no place in an image");
}

/* The offset of the marker that ends the entropy-coded data at `offset`, or the file's size. */
static size_t scan_skip(struct bytes encoded, size_t offset)
{
    while (offset + 1 < encoded.size) {
        const uint8_t *found = memchr(encoded.data + offset, 0xFF, encoded.size - 1 - offset);
        if (!found)
            break;
        offset = (size_t)(found - encoded.data);
        uint8_t next = found[1];
        if (next != 0x00 && next != 0xFF && !(next >= MARKER_RST0 && next <= MARKER_RST7))
            return offset;
        offset += next == 0xFF ? 1 : 2;
    }
    return encoded.size;
}

/* Each component's plane, rounded up to whole units of the largest sampling, its coefficients when
 * progressive, and the RGB result. */
static size_t budget_of(const struct jpeg *jpeg)
{
    size_t padded = ((size_t)jpeg->width + 32) * ((size_t)jpeg->height + 32);
    size_t pixels = (size_t)jpeg->width * jpeg->height;
    return padded * jpeg->component_count * (jpeg->progressive ? 3 : 1) + pixels * 3 + (1 << 20);
}

enum status jpeg_inspect(struct bytes encoded, struct failure *failure, struct image_info *info,
                         size_t *budget)
{
    struct jpeg jpeg = {0};
    for (size_t at = 2;;) {
        if (at + 2 > encoded.size)
            return truncated(failure);
        if (encoded.data[at] != 0xFF)
            return damaged(failure, "bytes stand where a marker should");
        enum marker marker = encoded.data[at + 1];
        if (marker == 0xFF) { /* fill bytes may precede a marker */
            at++;
            continue;
        }
        if (marker == MARKER_EOI)
            break;
        if (at + 4 > encoded.size)
            return truncated(failure);
        size_t length = read_u16(encoded.data + at + 2);
        if (length < 2)
            return damaged(failure, "a segment has no valid length");
        if (length > encoded.size - at - 2)
            return truncated(failure);
        struct bytes body = {encoded.data + at + 4, length - 2};
        enum status status = segment_read(marker, body, failure, &jpeg, info);
        if (status)
            return status;
        at += 2 + length;
        if (marker == MARKER_SOS)
            at = scan_skip(encoded, at);
    }
    if (!jpeg.has_frame || jpeg.scan_count == 0)
        return damaged(failure, "it holds no image");
    for (uint32_t i = 0; i < jpeg.component_count; i++)
        if (!jpeg.components[i].scanned)
            return damaged(failure, "the scan of one of its colours is missing");
    *budget = budget_of(&jpeg);
    return STATUS_OK;
}
