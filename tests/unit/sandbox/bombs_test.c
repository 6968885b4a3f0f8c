/* Small files that ask for much: what one costs its child, in memory and in time. */
#include "tests/unit/sandbox/support.h"

enum { MEMORY_KIB = 128 << 10, CPU_S = 2 };

static void put(struct buffer *out, const void *data, size_t size)
{
    ck_assert(buffer_append(out, data, size));
}

/* A marker and its segment. */
static void put_segment(struct buffer *out, uint8_t marker, const void *body, size_t size)
{
    const uint8_t head[] = {0xFF, marker, (uint8_t)((size + 2) >> 8), (uint8_t)(size + 2)};
    put(out, head, sizeof head);
    put(out, body, size);
}

static void put_jpeg_head(struct buffer *out, uint8_t frame, uint32_t side)
{
    uint8_t quantisation[65];
    memset(quantisation, 1, sizeof quantisation);
    quantisation[0] = 0;
    /* One code of one bit for "no difference"; for the others, '0' is a run of 2^14 empty blocks and more. */
    const uint8_t direct[18] = {0x00, 1}, alternating[19] = {0x10, 1, 1, [17] = 0xE0, [18] = 0x00};
    const uint8_t size[] = {
        8, (uint8_t)(side >> 8), (uint8_t)side, (uint8_t)(side >> 8), (uint8_t)side, 1, 1, 0x11, 0};
    put(out, "\xFF\xD8", 2);
    put_segment(out, 0xDB, quantisation, sizeof quantisation);
    put_segment(out, frame, size, sizeof size);
    put_segment(out, 0xC4, direct, sizeof direct);
    put_segment(out, 0xC4, alternating, sizeof alternating);
}

static void put_bits(struct buffer *out, uint32_t *pending, unsigned *count, uint32_t value, unsigned bits)
{
    for (unsigned i = bits; i-- > 0;) {
        *pending = *pending << 1 | (value >> i & 1);
        if (++*count == 8) {
            uint8_t byte = (uint8_t)*pending;
            put(out, &byte, 1);
            if (byte == 0xFF)
                put(out, "", 1);
            *count = 0;
        }
    }
}

/* A scan of coefficients first..last whose blocks are all empty: 15 bits for 32767 of them. */
static void put_empty_scan(struct buffer *out, uint32_t blocks, uint8_t first, uint8_t last, uint8_t bits)
{
    const uint8_t scan[] = {1, 1, 0, first, last, bits};
    uint32_t pending = 0;
    unsigned count = 0;
    put_segment(out, 0xDA, scan, sizeof scan);
    while (blocks >= 1 << 14) {
        uint32_t run = blocks < 0x7FFF ? blocks : 0x7FFF;
        put_bits(out, &pending, &count, 0, 1);
        put_bits(out, &pending, &count, run - (1 << 14), 14);
        blocks -= run;
    }
    for (; blocks; blocks--)
        put_bits(out, &pending, &count, 2, 2);
    put_bits(out, &pending, &count, 0x7F, 7);
}

/* Progressive, side x side pixels of grey: a bit a block, and then every scan the format allows in `bands`,
 * each of which goes over all blocks for next to no data. */
static struct buffer scans_bomb(uint32_t side, uint8_t bands)
{
    enum { PRECISION = 13 };
    struct buffer out = {.maximum = 1 << 20};
    uint32_t blocks = (side + 7) / 8 * ((side + 7) / 8);
    const uint8_t direct[] = {1, 1, 0, 0, 0, 0};
    put_jpeg_head(&out, 0xC2, side);
    put_segment(&out, 0xDA, direct, sizeof direct);
    for (uint32_t i = 0; i < (blocks + 7) / 8; i++)
        put(&out, "", 1);
    for (unsigned band = 0; band < bands; band++)
        for (int bit = PRECISION; bit >= 0; bit--)
            put_empty_scan(&out, blocks, (uint8_t)(1 + 63 * band / bands), (uint8_t)(63 * (band + 1) / bands),
                           (uint8_t)((bit < PRECISION ? bit + 1 : 0) << 4 | bit));
    put(&out, "\xFF\xD9", 2);
    return out;
}

static struct buffer baseline_without_data(uint32_t side)
{
    struct buffer out = {.maximum = 1 << 20};
    const uint8_t scan[] = {1, 1, 0, 0, 63, 0};
    put_jpeg_head(&out, 0xC0, side);
    put_segment(&out, 0xDA, scan, sizeof scan);
    put(&out, "\0\xFF\xD9", 3);
    return out;
}

/* The text is 100 MiB, if anybody inflates it. */
static struct buffer text_bomb(void)
{
    struct buffer png = png_begin(64, 64, 8, 0), text = deflate_constant('a', 100 << 20);
    struct buffer named = {.maximum = 1 << 20}, data = deflate_constant(0, 65 * 64);
    put(&named, "a\0", 3);
    put(&named, text.data, text.size);
    png_add_chunk(&png, "zTXt", named.data, named.size);
    png_add_chunk(&png, "IDAT", data.data, data.size);
    png_add_chunk(&png, "IEND", NULL, 0);
    buffer_finish(&text);
    buffer_finish(&named);
    buffer_finish(&data);
    return png;
}

static struct buffer bomb_make(int which)
{
    switch (which) {
    case 0:
        return png_constant(64, 64, 0, 258 << 20);
    case 1:
        return png_constant(64, 64, 0, 50 << 20);
    case 2:
        return png_constant(IMAGE_SIDE_MAX, IMAGE_SIDE_MAX, 0, 1000);
    case 3:
        return png_constant(10000, 10000, 0, 1000);
    case 4:
        return text_bomb();
    case 5:
        return baseline_without_data(65000);
    case 6:
        return baseline_without_data(10000);
    case 7:
        return scans_bomb(64, 3);
    default:
        return scans_bomb(4992, 2);
    }
}

static const struct {
    size_t size_max; /* of the file */
    enum status expected;
    const char *words;
} bombs[] = {
    {270000, STATUS_UNPROCESSABLE, "do not fit its size"},
    {60000, STATUS_UNPROCESSABLE, "do not fit its size"},
    {200, STATUS_TOO_LARGE, "32768"},
    {200, STATUS_UNPROCESSABLE, "do not fit its size"},
    {110000, STATUS_OK, ""},
    {200, STATUS_TOO_LARGE, "megapixels"},
    {200, STATUS_UNPROCESSABLE, "damaged"},
    {2000, STATUS_UNPROCESSABLE, "more scans"},
    {51000, STATUS_OK, ""}, /* a valid image of 25 megapixels, in the 50 KB that take its decoder longest */
};
enum { BOMB_COUNT = sizeof bombs / sizeof *bombs };

START_TEST(a_bomb_costs_little)
{
    struct buffer bomb = bomb_make(_i);
    struct image_pool *pool =
        pool_create((struct image_pool_options){.children = 1, .work_ms = 100000, .timeout_ms = 100000});
    pid_t child = 0, after = 0;
    ck_assert_uint_le(bomb.size, bombs[_i].size_max);
    ck_assert_uint_eq(decoders_list(&child, 1), 1);
    if (bombs[_i].expected)
        pool_refuses(pool, (struct bytes){bomb.data, bomb.size}, 0, bombs[_i].expected, bombs[_i].words);
    else
        pool_decodes(pool, (struct bytes){bomb.data, bomb.size});
    ck_assert_uint_eq(decoders_list(&after, 1), 1);
    ck_assert_int_eq(child, after);
    if (!PROCESS_SANITIZED && !under_valgrind()) {
        enum { USER_TICKS = 11, SYSTEM_TICKS = 12 };
        ck_assert_int_lt(status_number(child, "VmHWM"), MEMORY_KIB);
        ck_assert_int_lt(stat_field(child, USER_TICKS) + stat_field(child, SYSTEM_TICKS),
                         CPU_S * sysconf(_SC_CLK_TCK));
    }
    image_pool_destroy(&pool);
    buffer_finish(&bomb);
}
END_TEST

/* An interlaced PNG of side x side black pixels, 16-bit RGB and alpha; the side is a multiple of 8. */
static struct buffer interlaced_png(uint32_t side)
{
    enum { HEADER = 8 + 8, INTERLACING = HEADER + 12, CHECKSUM = HEADER + 13 };
    const size_t filters = (size_t)side / 8 * (1 + 1 + 1 + 2 + 2 + 4 + 4);
    struct buffer png = png_begin(side, side, 16, 6);
    png.data[INTERLACING] = 1;
    write_u32(png.data + CHECKSUM, (uint32_t)crc32(0, png.data + HEADER - 4, 4 + 13));
    struct buffer data = deflate_constant(0, 8 * (size_t)side * side + filters);
    png_add_chunk(&png, "IDAT", data.data, data.size);
    png_add_chunk(&png, "IEND", NULL, 0);
    buffer_finish(&data);
    return png;
}

/* Nothing that image.h promises to read runs into the limit of a child's memory, which is none under a
 * sanitizer. */
START_TEST(the_hungriest_image_is_read)
{
    bool is_limited = !PROCESS_SANITIZED && !under_valgrind();
    struct buffer png = interlaced_png(is_limited ? 10000 : 1000);
    struct image_pool *pool =
        pool_create((struct image_pool_options){.children = 1, .work_ms = 100000, .timeout_ms = 100000});
    pool_decodes(pool, (struct bytes){png.data, png.size});
    image_pool_destroy(&pool);
    buffer_finish(&png);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {a_bomb_costs_little, the_hungriest_image_is_read};
    size_t loops[] = {BOMB_COUNT, 1};
    return run_cases("sandbox/bombs", tests, loops, 2);
}
