#include "engine/image/container.h"
#include "tests/unit/image/support.h"

/* A TIFF structure with one directory entry: orientation, of type SHORT. */
static void tiff_write(uint8_t tiff[22], bool big_endian, uint8_t orientation)
{
    static const uint8_t big[22] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1};
    static const uint8_t little[22] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0};
    memcpy(tiff, big_endian ? big : little, 22);
    tiff[big_endian ? 19 : 18] = orientation;
}

START_TEST(orientation_is_read_in_both_byte_orders)
{
    uint8_t tiff[22];
    for (int big_endian = 0; big_endian < 2; big_endian++)
        for (int orientation = 0; orientation <= 9; orientation++) {
            tiff_write(tiff, big_endian, (uint8_t)orientation);
            ck_assert_int_eq(exif_is_rotated((struct bytes){tiff, sizeof tiff}),
                             orientation >= 2 && orientation <= 8);
        }
}
END_TEST

START_TEST(damaged_structures_say_nothing)
{
    uint8_t tiff[22];
    tiff_write(tiff, true, 6);
    for (size_t size = 0; size < sizeof tiff; size++) {
        uint8_t *copy = memory_allocate(size, 1); /* so that a memory checker sees reads past the end */
        memcpy(copy, tiff, size);
        ck_assert(!exif_is_rotated((struct bytes){copy, size}));
        free(copy);
    }
    memset(tiff + 4, 255, 4); /* the directory's offset */
    ck_assert(!exif_is_rotated((struct bytes){tiff, sizeof tiff}));
    tiff_write(tiff, true, 6);
    tiff[13] = 4; /* a type orientation never has */
    ck_assert(!exif_is_rotated((struct bytes){tiff, sizeof tiff}));
}
END_TEST

int main(void)
{
    const TTest *tests[] = {orientation_is_read_in_both_byte_orders, damaged_structures_say_nothing};
    return run_cases("image/exif", tests, NULL, 2);
}
