#include "tests/unit/image/support.h"

/* Offset of the first chunk of this name. */
static size_t chunk_find(struct bytes png, const char *name)
{
    for (size_t at = 8; at + 12 <= png.size; at += 12 + ((size_t)png.data[at + 2] << 8 | png.data[at + 3]))
        if (!memcmp(png.data + at + 4, name, 4))
            return at;
    ck_abort_msg("no chunk %s", name);
    return 0;
}

START_TEST(any_flipped_byte_is_found)
{
    struct bytes png = sample_read("rgb8.png");
    uint8_t *copy = memory_allocate(png.size, 1);
    struct failure failure = {0};
    struct image image;
    struct image_info info;
    for (size_t at = 0; at < png.size; at++) {
        memcpy(copy, png.data, png.size);
        copy[at] ^= 0x10;
        enum status status = image_decode((struct bytes){copy, png.size}, &failure, &image, &info);
        ck_assert_msg(status == (at < 8 ? STATUS_UNSUPPORTED_MEDIA : STATUS_UNPROCESSABLE), "byte %zu", at);
    }
    free(copy);
    sample_free(png);
}
END_TEST

START_TEST(checksum_sentence_names_the_chunk)
{
    struct bytes png = sample_read("grey8.png");
    uint8_t *data = (uint8_t *)png.data;
    data[chunk_find(png, "IDAT") + 20] ^= 1;
    decode_refused(png, STATUS_UNPROCESSABLE, "checksum of its IDAT chunk");
    sample_free(png);
}
END_TEST

static void refused(struct buffer *png, const char *words)
{
    png_add_chunk(png, "IEND", NULL, 0);
    decode_refused((struct bytes){png->data, png->size}, STATUS_UNPROCESSABLE, words);
    buffer_finish(png);
}

/* The chunk's own checksum is right: only that of the stream within it tells, and is cut off the second time.
 */
START_TEST(checksum_of_the_pixels_counts)
{
    struct buffer data = deflate_constant(0, 33 * 32);
    data.data[data.size - 1] ^= 1;
    for (size_t cut = 0; cut <= 4; cut += 4) {
        struct buffer png = png_begin(32, 32, 8, 0);
        png_add_chunk(&png, "IDAT", data.data, data.size - cut);
        png_add_chunk(&png, "IEND", NULL, 0);
        decode_refused((struct bytes){png.data, png.size}, STATUS_UNPROCESSABLE, "checksum does not match");
        buffer_finish(&png);
    }
    buffer_finish(&data);
}
END_TEST

/* 32 x 32 pixels of grey whose stream lies in `count` chunks; `extra` bytes of the last are not its. */
static struct buffer png_split(struct buffer *data, size_t count, size_t extra)
{
    struct buffer png = png_begin(32, 32, 8, 0);
    ck_assert(buffer_append(data, "extra", extra));
    for (size_t i = 0, at = 0; i < count; i++) {
        size_t end = data->size * (i + 1) / count;
        png_add_chunk(&png, "IDAT", data->data + at, end - at);
        at = end;
    }
    png_add_chunk(&png, "IEND", NULL, 0);
    return png;
}

START_TEST(pixels_may_lie_in_many_chunks)
{
    static const size_t counts[] = {1, 2, 5, 100}; /* of the last most are empty */
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct failure failure = {0};
        struct image image = {0};
        struct image_info info;
        struct buffer data = deflate_constant(0, 33 * 32), png = png_split(&data, counts[i], 0);
        ck_assert_int_eq(image_decode((struct bytes){png.data, png.size}, &failure, &image, &info),
                         STATUS_OK);
        image_finish(&image);
        buffer_finish(&png);
        buffer_finish(&data);
    }
}
END_TEST

/* A byte too few or too many, inflated or behind the stream, in its chunk or in one of its own. */
START_TEST(pixels_that_do_not_fit_the_size_are_refused)
{
    static const struct {
        int inflated;
        size_t extra, chunks;
    } cases[] = {{-1, 0, 1}, {1, 0, 1}, {1, 0, 40}, {0, 1, 1}, {0, 1, 100}, {0, 5, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer data = deflate_constant(0, (size_t)(33 * 32 + cases[i].inflated));
        struct buffer png = png_split(&data, cases[i].chunks, cases[i].extra);
        decode_refused((struct bytes){png.data, png.size}, STATUS_UNPROCESSABLE, "do not fit its size");
        buffer_finish(&png);
        buffer_finish(&data);
    }
}
END_TEST

START_TEST(chunks_out_of_place_are_refused)
{
    struct buffer data = deflate_constant(0, 33 * 32), png;
    uint8_t palette[3 * 257] = {0};

    png = png_begin(32, 32, 8, 0);
    refused(&png, "image data");
    png = png_begin(32, 32, 8, 3);
    png_add_chunk(&png, "IDAT", data.data, data.size);
    refused(&png, "palette is missing");
    png = png_begin(32, 32, 8, 3);
    png_add_chunk(&png, "PLTE", palette, sizeof palette);
    refused(&png, "palette");
    png = png_begin(32, 32, 8, 3);
    png_add_chunk(&png, "PLTE", palette, 4);
    refused(&png, "palette");
    png = png_begin(32, 32, 8, 0);
    png_add_chunk(&png, "CgBI", palette, 4);
    refused(&png, "does not exist in the standard");
    png = png_begin(32, 32, 8, 0);
    png_add_chunk(&png, "IHDR", palette, 13);
    refused(&png, "does not exist in the standard");
    png = png_begin(32, 32, 8, 0);
    png_add_chunk(&png, "I DA", palette, 4);
    refused(&png, "no valid name");
    png = (struct buffer){.maximum = 1000};
    ck_assert(buffer_append(&png, "\x89PNG\r\n\x1a\n", 8));
    png_add_chunk(&png, "IDAT", data.data, data.size);
    refused(&png, "does not begin with a header");
    buffer_finish(&data);
}
END_TEST

START_TEST(formats_that_do_not_exist_are_refused)
{
    static const uint8_t formats[][2] = {{3, 0}, {16, 3}, {4, 2}, {8, 1}, {8, 5}, {8, 7}, {0, 0}, {32, 2}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct buffer png = png_begin(32, 32, formats[i][0], formats[i][1]);
        refused(&png, "does not exist");
    }
}
END_TEST

/* An index past the palette's end is black, as an entry the file lacks; never memory of the decoder's. */
START_TEST(missing_palette_entries_are_black)
{
    static const uint8_t palette[3] = {9, 8, 7};
    uint8_t rows[16][17] = {{0}};
    rows[3][5] = 200;
    uLongf size = compressBound(sizeof rows);
    uint8_t *packed = memory_allocate(size, 1);
    ck_assert_int_eq(compress(packed, &size, rows[0], sizeof rows), Z_OK);
    struct buffer png = png_begin(16, 16, 8, 3);
    png_add_chunk(&png, "PLTE", palette, sizeof palette);
    png_add_chunk(&png, "IDAT", packed, size);
    png_add_chunk(&png, "IEND", NULL, 0);
    struct failure failure = {0};
    struct image image;
    struct image_info info;
    ck_assert_int_eq(image_decode((struct bytes){png.data, png.size}, &failure, &image, &info), STATUS_OK);
    ck_assert_mem_eq(image.pixels, palette, 3);
    ck_assert_mem_eq(image.pixels + (3 * 16 + 4) * 3, "\0\0\0", 3);
    image_finish(&image);
    buffer_finish(&png);
    free(packed);
}
END_TEST

START_TEST(what_follows_the_image_is_told_unless_it_is_padding)
{
    struct bytes png = sample_read("grey8.png");
    rest_is_told(png);
    sample_free(png);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {any_flipped_byte_is_found,
                            checksum_sentence_names_the_chunk,
                            checksum_of_the_pixels_counts,
                            pixels_may_lie_in_many_chunks,
                            pixels_that_do_not_fit_the_size_are_refused,
                            chunks_out_of_place_are_refused,
                            formats_that_do_not_exist_are_refused,
                            missing_palette_entries_are_black,
                            what_follows_the_image_is_told_unless_it_is_padding};
    return run_cases("image/png_inspect", tests, NULL, 9);
}
