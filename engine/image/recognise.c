/* What files of some formats look like, where a few fixed bytes cannot tell. */
#include "engine/dicom/dicom.h"
#include "engine/image/container.h"

#include <string.h>
#include <strings.h>

static bool has(struct bytes encoded, size_t offset, const char *bytes, size_t size)
{
    return encoded.size >= offset + size && !memcmp(encoded.data + offset, bytes, size);
}

static uint32_t read_little(const uint8_t *bytes, unsigned count)
{
    uint32_t value = 0;
    while (count--)
        value = value << 8 | bytes[count];
    return value;
}

/* "BM" begins words too: the header that follows has one of a few sizes, and four reserved bytes. */
bool is_bmp(struct bytes encoded)
{
    static const uint8_t header_bytes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    if (!has(encoded, 0, "BM", 2) || !has(encoded, 6, "\0\0\0\0", 4) || encoded.size < 18)
        return false;
    uint32_t size = read_little(encoded.data + 14, 4);
    return size < 125 && memchr(header_bytes, (int)size, sizeof header_bytes);
}

bool is_webp(struct bytes encoded)
{
    return has(encoded, 0, "RIFF", 4) && has(encoded, 8, "WEBP", 4);
}

/* True when the file type box (ISO 14496-12, section 4.3) names one of these brands. */
static bool has_brand(struct bytes encoded, const char *const *brands, size_t count)
{
    if (encoded.size < 16 || !has(encoded, 4, "ftyp", 4))
        return false;
    size_t end = read_u32(encoded.data);
    end = end < encoded.size ? end : encoded.size;
    for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) /* a version follows the first */
        for (size_t i = 0; i < count; i++)
            if (!memcmp(encoded.data + at, brands[i], 4))
                return true;
    return false;
}

bool is_avif(struct bytes encoded)
{
    static const char *const brands[] = {"avif", "avis"};
    return has_brand(encoded, brands, 2);
}

/* mif1 and msf1 stand for the container alone, whatever coded the picture. */
bool is_heif(struct bytes encoded)
{
    static const char *const brands[] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"};
    return has_brand(encoded, brands, 8);
}

bool is_dicom(struct bytes encoded)
{
    return dataset_recognise(encoded);
}

bool is_dicomdir(struct bytes encoded)
{
    return dataset_recognise(encoded) && dicom_kind(encoded) == OBJECT_DIRECTORY;
}

/* The text without what may stand before its first word: a byte order mark and white space. */
static struct bytes text_begin(struct bytes encoded)
{
    if (has(encoded, 0, "\xEF\xBB\xBF", 3))
        encoded = (struct bytes){encoded.data + 3, encoded.size - 3};
    while (encoded.size && strchr(" \t\r\n", encoded.data[0]) && encoded.data[0])
        encoded = (struct bytes){encoded.data + 1, encoded.size - 1};
    return encoded;
}

static bool begins(struct bytes text, const char *word)
{
    size_t length = strlen(word);
    return text.size >= length && !strncasecmp((const char *)text.data, word, length);
}

bool is_base64(struct bytes encoded)
{
    struct bytes text = text_begin(encoded);
    return begins(text, "data:image/") || has(text, 0, "iVBORw0KGgo", 11) || has(text, 0, "/9j/", 4);
}

bool is_xml(struct bytes encoded)
{
    return begins(text_begin(encoded), "<?xml");
}

bool is_svg(struct bytes encoded)
{
    enum { PROLOGUE_BYTES_MAX = 1024 };
    struct bytes text = text_begin(encoded);
    if (!begins(text, "<?xml") && !begins(text, "<!doctype svg") && !begins(text, "<!--"))
        return begins(text, "<svg");
    for (size_t at = 0; at < PROLOGUE_BYTES_MAX && at < text.size; at++)
        if (begins((struct bytes){text.data + at, text.size - at}, "<svg"))
            return true;
    return false;
}

bool is_html(struct bytes encoded)
{
    struct bytes text = text_begin(encoded);
    return begins(text, "<!doctype html") || begins(text, "<html") || begins(text, "<head") ||
           begins(text, "<body") || begins(text, "<script") || begins(text, "<title");
}

bool is_text(struct bytes encoded)
{
    enum { LOOK_BYTES = 512 };
    struct bytes text = text_begin(encoded);
    for (size_t at = 0; at < text.size && at < LOOK_BYTES; at++)
        if (text.data[at] == 0x7F || (text.data[at] < ' ' && !strchr("\t\r\n\f", text.data[at])) ||
            text.data[at] == '\0')
            return false;
    return text.size && text.data[0] < 0x80;
}

bool is_json(struct bytes encoded)
{
    struct bytes text = text_begin(encoded);
    return is_text(encoded) && (text.data[0] == '{' || text.data[0] == '[');
}
