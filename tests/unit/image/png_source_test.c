#include "engine/image/png_source.h"
#include "tests/unit/image/support.h"

enum { WIDTH = 300, HEIGHT = 500, ROWS_BYTES = (WIDTH + 1) * HEIGHT };

static struct buffer noisy_png(uint8_t rows[ROWS_BYTES])
{
    struct image noise = picture_draw(7, WIDTH, HEIGHT, 0);
    uLongf size = compressBound(ROWS_BYTES);
    uint8_t *packed = memory_allocate(size, 1);
    for (size_t y = 0; y < HEIGHT; y++) {
        rows[y * (WIDTH + 1)] = (uint8_t)(y % 5); /* the filter */
        memcpy(rows + y * (WIDTH + 1) + 1, noise.pixels + y * WIDTH, WIDTH);
    }
    ck_assert_int_eq(compress(packed, &size, rows, ROWS_BYTES), Z_OK);
    struct buffer png = png_begin(WIDTH, HEIGHT, 8, 0);
    png_add_chunk(&png, "IDAT", packed, size / 2);
    png_add_chunk(&png, "tEXt", "a\0b", 3);
    png_add_chunk(&png, "IDAT", packed + size / 2, size - size / 2);
    png_add_chunk(&png, "IEND", NULL, 0);
    free(packed);
    image_finish(&noise);
    return png;
}

/* All of it, asked for in pieces. */
static struct buffer source_read_all(struct bytes encoded, size_t piece, struct png *png)
{
    struct buffer out = {.maximum = 1 << 20};
    struct failure failure = {0};
    struct image_info info;
    struct png_source source;
    uint8_t *bytes = memory_allocate(piece, 1);
    ck_assert_int_eq(png_inspect(encoded, &failure, &info, png), STATUS_OK);
    ck_assert_int_eq(png_source_init(encoded, png, &failure, &source), STATUS_OK);
    for (size_t size = piece; size == piece;) {
        size = png_source_read(&source, bytes, piece);
        ck_assert(buffer_append(&out, bytes, size));
    }
    ck_assert_int_eq(source.status, STATUS_OK);
    ck_assert_uint_eq(png_source_read(&source, bytes, piece), 0);
    png_source_finish(&source);
    free(bytes);
    return out;
}

/* Three blocks, in pieces that end within them and between; zlib reads what was written, checksum and all. */
START_TEST(the_pixels_are_stored)
{
    static const size_t pieces[] = {7, 128, 50000, 1 << 19, 1};
    uint8_t *rows = memory_allocate(ROWS_BYTES, 1), *inflated = memory_allocate(ROWS_BYTES, 1);
    struct buffer file = noisy_png(rows);
    struct png png;
    struct buffer text = source_read_all((struct bytes){file.data, file.size}, pieces[_i], &png);
    enum { DATA = PNG_SIGNATURE_BYTES + PNG_CHUNK_OVERHEAD + PNG_HEADER_BYTES };
    size_t size = png_source_data_bytes(&png);
    uLongf inflated_size = ROWS_BYTES;
    ck_assert_uint_eq(png.raw_bytes, ROWS_BYTES);
    ck_assert_uint_eq(text.size, DATA + PNG_CHUNK_OVERHEAD + size + PNG_CHUNK_OVERHEAD);
    ck_assert_mem_eq(text.data, file.data, DATA);
    ck_assert_uint_eq(read_u32(text.data + DATA), size);
    ck_assert_mem_eq(text.data + DATA + 4, "IDAT", 4);
    ck_assert_int_eq(uncompress(inflated, &inflated_size, text.data + DATA + 8, size), Z_OK);
    ck_assert_uint_eq(inflated_size, ROWS_BYTES);
    ck_assert_mem_eq(inflated, rows, ROWS_BYTES);
    ck_assert_mem_eq(text.data + text.size - 8, "IEND", 4);
    buffer_finish(&text);
    buffer_finish(&file);
    free(inflated);
    free(rows);
}
END_TEST

/* The chunk of pixels does not end where theirs do not, so that a decoder has to refuse it. */
START_TEST(a_wrong_checksum_ends_the_text_early)
{
    struct buffer data = deflate_constant(0, 33 * 32), file = png_begin(32, 32, 8, 0);
    struct failure failure = {0};
    struct image_info info;
    struct png png;
    struct png_source source;
    uint8_t text[4096];
    data.data[data.size - 1] ^= 1;
    png_add_chunk(&file, "IDAT", data.data, data.size);
    png_add_chunk(&file, "IEND", NULL, 0);
    struct bytes encoded = {file.data, file.size};
    ck_assert_int_eq(png_inspect(encoded, &failure, &info, &png), STATUS_OK);
    ck_assert_int_eq(png_source_init(encoded, &png, &failure, &source), STATUS_OK);
    ck_assert_uint_lt(png_source_read(&source, text, sizeof text), PNG_SIGNATURE_BYTES + PNG_CHUNK_OVERHEAD +
                                                                       PNG_HEADER_BYTES + 8 +
                                                                       png_source_data_bytes(&png));
    ck_assert_int_eq(source.status, STATUS_UNPROCESSABLE);
    png_source_finish(&source);
    buffer_finish(&file);
    buffer_finish(&data);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {the_pixels_are_stored, a_wrong_checksum_ends_the_text_early};
    size_t loops[] = {unless_valgrind(5, 4), 1};
    return run_cases("image/png_source", tests, loops, 2);
}
