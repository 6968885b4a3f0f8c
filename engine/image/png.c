#include "engine/image/overlay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Rows between two looks at the clock, and bytes of a chunk of packed data. */
enum { BAND_ROWS = 64, CHUNK_BYTES = 1 << 16 };

/* An answer waits for it, and level 4 takes half as long again to save a tenth. */
enum { PACKING_LEVEL = 1 };

/* A PNG on its way to a buffer (PNG third edition, sections 5 and 9). */
struct writer {
    struct buffer *out;
    bool full; /* of a buffer that had no room */
    z_stream stream;
    uint8_t packed[CHUNK_BYTES];
};

static void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void chunk_append(struct writer *writer, const char *name, const uint8_t *data, size_t size)
{
    uint8_t head[8], tail[4];
    write_u32(head, (uint32_t)size);
    memcpy(head + 4, name, 4);
    write_u32(tail, (uint32_t)crc32_z(crc32(0, head + 4, 4), size ? data : tail, size));
    writer->full = writer->full || !buffer_append(writer->out, head, sizeof head) ||
                   !buffer_append(writer->out, data, size) || !buffer_append(writer->out, tail, sizeof tail);
}

/* Packs bytes, and with Z_FINISH what is still held back; each full piece becomes a chunk. */
static void pack(struct writer *writer, const uint8_t *data, size_t size, int flush)
{
    z_stream *stream = &writer->stream;
    int result = Z_OK;
    stream->next_in = (uint8_t *)data;
    stream->avail_in = (uInt)size;
    do {
        result = deflate(stream, flush);
        assert(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        if (!stream->avail_out || result == Z_STREAM_END) {
            chunk_append(writer, "IDAT", writer->packed, CHUNK_BYTES - stream->avail_out);
            stream->next_out = writer->packed;
            stream->avail_out = CHUNK_BYTES;
        }
    } while (stream->avail_in || (flush == Z_FINISH && result != Z_STREAM_END));
}

/* Each byte less the average of those to its left and above: of the five filters the one that packs noisy
 * films tightest, and with one for all rows nothing has to be tried. `step`: bytes a pixel. */
static void row_filter(const uint8_t *row, const uint8_t *above, size_t size, size_t step, uint8_t *out)
{
    enum { FILTER_AVERAGE = 3 };
    *out++ = FILTER_AVERAGE;
    for (size_t i = 0; i < step; i++)
        out[i] = (uint8_t)(row[i] - above[i] / 2);
    for (size_t i = step; i < size; i++)
        out[i] = (uint8_t)(row[i] - (row[i - step] + above[i]) / 2);
}

static enum status rows_pack(struct writer *writer, const uint8_t *row, uint32_t count, size_t size,
                             size_t step, const struct patience *patience, struct failure *failure)
{
    uint8_t *filtered = memory_allocate(size + 1, 1), *zeros = memory_allocate(size, 1);
    const uint8_t *above = zeros;
    enum status status = STATUS_OK;
    for (uint32_t y = 0; y < count && !writer->full; y++, above = row, row += size) {
        if (y % BAND_ROWS == 0 && (status = patience_check(patience, "its pictures were drawn", failure)))
            break;
        row_filter(row, above, size, step, filtered);
        pack(writer, filtered, size + 1, Z_NO_FLUSH);
    }
    if (!status)
        pack(writer, NULL, 0, Z_FINISH);
    free(zeros);
    free(filtered);
    return status;
}

enum status image_write_png(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels,
                            const struct patience *patience, struct failure *failure, struct buffer *out)
{
    size_t size = (size_t)width * channels;
    uint8_t header[13] = {[8] = 8, [9] = channels == 3 ? 2 : 0};
    struct writer *writer = memory_allocate(1, sizeof *writer);
    enum status status = STATUS_OK;
    write_u32(header, width);
    write_u32(header + 4, height);
    writer->out = out;
    writer->stream.next_out = writer->packed;
    writer->stream.avail_out = CHUNK_BYTES;
    if (deflateInit(&writer->stream, PACKING_LEVEL) != Z_OK) {
        status = failure_set(failure, STATUS_OUT_OF_MEMORY, "There is no memory to encode the picture.");
        goto free_writer;
    }
    writer->full = !buffer_append(out, "\x89PNG\r\n\x1a\n", 8);
    chunk_append(writer, "IHDR", header, sizeof header);
    status = rows_pack(writer, pixels, height, size, channels, patience, failure);
    chunk_append(writer, "IEND", NULL, 0);
    deflateEnd(&writer->stream);
    if (!status && writer->full)
        status =
            failure_set(failure, STATUS_TOO_LARGE,
                        "The pictures of this answer pass its limit; ask for fewer images or labels, for "
                        "a smaller 'size', or for 'attention' grid and no 'render'.");
free_writer:
    free(writer);
    return status;
}
