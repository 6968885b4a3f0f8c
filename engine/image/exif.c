#include "engine/image/container.h"

/* TIFF's two byte orders. */
static uint32_t tiff_read(const uint8_t *bytes, unsigned count, bool big_endian)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint32_t)bytes[big_endian ? count - 1 - i : i] << 8 * i;
    return value;
}

bool exif_is_rotated(struct bytes tiff)
{
    enum { HEADER_BYTES = 8, ENTRY_BYTES = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };
    if (tiff.size < HEADER_BYTES)
        return false;
    bool big_endian = tiff.data[0] == 'M';
    size_t offset = tiff_read(tiff.data + 4, 4, big_endian);
    if (offset > tiff.size - 2)
        return false;
    uint32_t count = tiff_read(tiff.data + offset, 2, big_endian);
    offset += 2;
    for (; count && tiff.size - offset >= ENTRY_BYTES; count--, offset += ENTRY_BYTES) {
        const uint8_t *entry = tiff.data + offset;
        if (tiff_read(entry, 2, big_endian) != TAG_ORIENTATION ||
            tiff_read(entry + 2, 2, big_endian) != TYPE_SHORT)
            continue;
        uint32_t orientation = tiff_read(entry + 8, 2, big_endian);
        return orientation >= 2 && orientation <= 8;
    }
    return false;
}
