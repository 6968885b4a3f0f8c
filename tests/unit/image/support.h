/* What the tests of engine/image share: seeded pictures, the files beside them, and PNGs built to be bad. */
#ifndef CXRD_TESTS_UNIT_IMAGE_SUPPORT_H
#define CXRD_TESTS_UNIT_IMAGE_SUPPORT_H

#include "engine/base/file.h"
#include "engine/image/image.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The picture make_reference.py draws with the same seed; kinds: noise, black-and-white, ramps. */
static inline struct image picture_draw(uint32_t seed, uint32_t width, uint32_t height, uint32_t kind)
{
    struct image image = {width, height, memory_allocate((size_t)width * height, 3)};
    for (uint32_t i = 0; i < width * height * 3; i++) {
        uint32_t x = i * 2654435761u + seed * 40503u + 12345u;
        x = (x ^ x >> 15) * 0x2C1B3C6Du;
        x = (x ^ x >> 12) * 0x297A2D39u;
        uint32_t noise = (x ^ x >> 15) >> 24;
        if (kind == 1)
            noise = noise >= 128 ? 255 : 0;
        if (kind == 2)
            noise = i / 3 % width * 7 + i / 3 / width * 3 + noise / 16;
        image.pixels[i] = (uint8_t)noise;
    }
    return image;
}

#ifndef SAMPLES_FOLDER /* the build gives the absolute path */
#define SAMPLES_FOLDER "tests/unit/image/files"
#endif

/* A file of tests/unit/image/files; release with sample_free. */
static inline struct bytes sample_read(const char *name)
{
    struct failure failure = {0};
    struct bytes bytes;
    char *path = file_join(SAMPLES_FOLDER, name);
    enum status status = file_read(path, 1 << 24, &failure, &bytes);
    ck_assert_msg(status == STATUS_OK, "%s", failure.sentence);
    free(path);
    return bytes;
}

static inline void sample_free(struct bytes bytes)
{
    free((void *)bytes.data);
}

static inline void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void png_add_chunk(struct buffer *png, const char *name, const void *data, size_t size)
{
    uint8_t head[8], tail[4];
    write_u32(head, (uint32_t)size);
    memcpy(head + 4, name, 4);
    uLong checksum = crc32(0, head + 4, 4);
    if (size)
        checksum = crc32_z(checksum, data, size);
    write_u32(tail, (uint32_t)checksum);
    ck_assert(buffer_append(png, head, 8) && buffer_append(png, data, size) && buffer_append(png, tail, 4));
}

/* Signature and IHDR; add chunks and finish with IEND. */
static inline struct buffer png_begin(uint32_t width, uint32_t height, uint8_t depth, uint8_t colour)
{
    struct buffer png = {.maximum = 1 << 28};
    uint8_t header[13] = {[8] = depth, [9] = colour};
    write_u32(header, width);
    write_u32(header + 4, height);
    ck_assert(buffer_append(&png, "\x89PNG\r\n\x1a\n", 8));
    png_add_chunk(&png, "IHDR", header, sizeof header);
    return png;
}

/* A zlib stream of `size` equal bytes, made without holding them. */
static inline struct buffer deflate_constant(uint8_t value, size_t size)
{
    struct buffer out = {.maximum = 1 << 28};
    uint8_t block[4096], packed[4096];
    memset(block, value, sizeof block);
    z_stream stream = {0};
    ck_assert_int_eq(deflateInit(&stream, 9), Z_OK);
    for (int result = Z_OK; result != Z_STREAM_END;) {
        if (stream.avail_in == 0) {
            stream.next_in = block;
            stream.avail_in = (uInt)(size < sizeof block ? size : sizeof block);
            size -= stream.avail_in;
        }
        stream.next_out = packed;
        stream.avail_out = sizeof packed;
        result = deflate(&stream, size ? Z_NO_FLUSH : Z_FINISH);
        ck_assert(result == Z_OK || result == Z_STREAM_END);
        ck_assert(buffer_append(&out, packed, sizeof packed - stream.avail_out));
    }
    deflateEnd(&stream);
    return out;
}

/* A whole PNG of width x height grey 8-bit pixels whose data inflate to `inflated` equal bytes. */
static inline struct buffer png_constant(uint32_t width, uint32_t height, uint8_t value, size_t inflated)
{
    struct buffer png = png_begin(width, height, 8, 0), data = deflate_constant(value, inflated);
    png_add_chunk(&png, "IDAT", data.data, data.size);
    png_add_chunk(&png, "IEND", NULL, 0);
    buffer_finish(&data);
    return png;
}

/* Decodes what must be refused; the image is untouched and the sentence holds `words`. */
static inline void decode_refused(struct bytes encoded, enum status expected, const char *words)
{
    struct failure failure = {0};
    struct image image = {0};
    struct image_info info;
    enum status status = image_decode(encoded, &failure, &image, &info);
    ck_assert_msg(status == expected, "%s instead of %s: %s", status_name(status), status_name(expected),
                  failure.sentence);
    ck_assert_ptr_null(image.pixels);
    ck_assert_msg(strstr(failure.sentence, words), "'%s' lacks '%s'", failure.sentence, words);
}

/* Decodes an image with nothing, padding, a whole image and a single byte after its end. */
static inline void rest_is_told(struct bytes encoded)
{
    const struct {
        struct bytes rest;
        bool told;
    } cases[] = {{{(const uint8_t *)"", 0}, false},
                 {{(const uint8_t *)"\0\0\xFF\r\n \t\0", 8}, false},
                 {{(const uint8_t *)"\0\0x", 3}, true},
                 {encoded, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file = {.maximum = 1 << 24};
        struct failure failure = {0};
        struct image image;
        struct image_info info;
        ck_assert(buffer_append(&file, encoded.data, encoded.size) &&
                  buffer_append(&file, cases[i].rest.data, cases[i].rest.size));
        ck_assert_msg(!image_decode((struct bytes){file.data, file.size}, &failure, &image, &info), "%s",
                      failure.sentence);
        ck_assert_uint_eq(info.warnings, cases[i].told ? IMAGE_WARNING_MORE : 0);
        image_finish(&image);
        buffer_finish(&file);
    }
}

static inline int run_cases(const char *name, const TTest *const *tests, const size_t *loops, size_t count)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 120);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(tcase, tests[i], 0, loops && loops[i] ? (int)loops[i] : 1);
    return suite_run(name, tcase);
}

#endif
