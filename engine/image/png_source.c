#include "engine/image/png_source.h"

#include <assert.h>
#include <string.h>

/* Of a block of a deflate stream that is stored as it is (RFC 1951, section 3.2.4). */
enum { BLOCK_BYTES_MAX = 0xFFFF, BLOCK_HEAD_BYTES = 5 };
enum { ZLIB_HEAD_BYTES = 2, ZLIB_TAIL_BYTES = 4 };

size_t png_source_data_bytes(const struct png *png)
{
    size_t blocks = (png->raw_bytes + BLOCK_BYTES_MAX - 1) / BLOCK_BYTES_MAX;
    return ZLIB_HEAD_BYTES + blocks * BLOCK_HEAD_BYTES + png->raw_bytes + ZLIB_TAIL_BYTES;
}

static void frame_put(struct png_source *source, const void *data, size_t size)
{
    assert(size <= sizeof source->frame - source->frame_size);
    memcpy(source->frame + source->frame_size, data, size);
    source->frame_size += size;
}

static void frame_put_u32(struct png_source *source, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    frame_put(source, bytes, sizeof bytes);
}

static void frame_put_chunk_head(struct png_source *source, const char *name, size_t size)
{
    frame_put_u32(source, (uint32_t)size);
    frame_put(source, name, 4);
}

/* The chunks' checksums are zero: those of the file were right, and the decoder skips them. */
enum status png_source_init(struct bytes encoded, const struct png *png, struct failure *failure,
                            struct png_source *source)
{
    *source = (struct png_source){
        .encoded = encoded, .offset = PNG_SIGNATURE_BYTES, .left = png->raw_bytes, .failure = failure};
    frame_put(source, encoded.data, PNG_SIGNATURE_BYTES + PNG_CHUNK_OVERHEAD + PNG_HEADER_BYTES);
    if (png->colour == PNG_PALETTE) {
        frame_put_chunk_head(source, "PLTE", PNG_PALETTE_BYTES);
        frame_put(source, png->palette, PNG_PALETTE_BYTES);
        frame_put_u32(source, 0);
    }
    frame_put_chunk_head(source, "IDAT", png_source_data_bytes(png));
    frame_put(source, "\x78\x01", ZLIB_HEAD_BYTES);
    if (inflateInit(&source->inflater) != Z_OK)
        return image_no_memory(failure);
    return STATUS_OK;
}

void png_source_finish(struct png_source *source)
{
    inflateEnd(&source->inflater);
}

/* Gives the inflater the file's next IDAT chunk that is not empty, if there is one. */
static void inflater_feed(struct png_source *source)
{
    while (!source->inflater.avail_in && source->encoded.size - source->offset >= PNG_CHUNK_OVERHEAD) {
        uint8_t *chunk = (uint8_t *)source->encoded.data + source->offset;
        uint32_t size = read_u32(chunk);
        if (!memcmp(chunk + 4, "IEND", 4))
            return;
        source->offset += PNG_CHUNK_OVERHEAD + (size_t)size;
        if (!memcmp(chunk + 4, "IDAT", 4)) {
            source->inflater.next_in = chunk + 8;
            source->inflater.avail_in = size;
        }
    }
}

/* Inflates up to `size` bytes and returns zlib's word; avail_out says how many are missing. */
static int inflate_some(struct png_source *source, uint8_t *out, size_t size)
{
    int result = Z_OK;
    source->inflater.next_out = out;
    source->inflater.avail_out = (uInt)size;
    while (source->inflater.avail_out && result == Z_OK) {
        inflater_feed(source);
        result = inflate(&source->inflater, Z_NO_FLUSH);
    }
    return result;
}

static enum status inflate_fail(struct png_source *source, int result)
{
    switch (result) {
    case Z_OK:
    case Z_STREAM_END:
        return png_damaged(source->failure, "its image data do not fit its size");
    case Z_MEM_ERROR:
        return image_no_memory(source->failure);
    default:
        return png_damaged(source->failure,
                           "its image data cannot be decoded, or their checksum does not match");
    }
}

static enum status pixels_inflate(struct png_source *source, uint8_t *out, size_t size)
{
    int result = inflate_some(source, out, size);
    bool is_full = !source->inflater.avail_out && (result == Z_OK || result == Z_STREAM_END);
    return is_full ? STATUS_OK : inflate_fail(source, result);
}

/* Behind the last pixel there has to be nothing but their checksum, which zlib looks at. */
static enum status pixels_end(struct png_source *source)
{
    uint8_t extra;
    int result = inflate_some(source, &extra, 1);
    if (result == Z_STREAM_END)
        inflater_feed(source);
    bool is_end = result == Z_STREAM_END && source->inflater.avail_out && !source->inflater.avail_in;
    return is_end ? STATUS_OK : inflate_fail(source, result);
}

static void block_begin(struct png_source *source)
{
    source->block = source->left < BLOCK_BYTES_MAX ? source->left : BLOCK_BYTES_MAX;
    source->left -= source->block;
    const uint8_t low = (uint8_t)source->block, high = (uint8_t)(source->block >> 8);
    const uint8_t head[BLOCK_HEAD_BYTES] = {!source->left, low, high, (uint8_t)~low, (uint8_t)~high};
    frame_put(source, head, sizeof head);
}

static void end_put(struct png_source *source)
{
    frame_put_u32(source, (uint32_t)source->inflater.adler);
    frame_put_u32(source, 0);
    frame_put_chunk_head(source, "IEND", 0);
    frame_put_u32(source, 0);
}

/* Makes the next frame when the one before and its pixels were read. False: there is none. */
static bool frame_make(struct png_source *source)
{
    source->frame_size = source->frame_read = 0;
    if (source->left) {
        block_begin(source);
    } else if (!source->is_whole && !(source->status = pixels_end(source))) {
        end_put(source);
        source->is_whole = true;
    }
    return source->frame_size > 0;
}

size_t png_source_read(struct png_source *source, uint8_t *out, size_t size)
{
    size_t done = 0;
    while (done < size && !source->status) {
        size_t frame = source->frame_size - source->frame_read;
        size_t most = frame ? frame : source->block, count = size - done < most ? size - done : most;
        if (frame) {
            memcpy(out + done, source->frame + source->frame_read, count);
            source->frame_read += count;
        } else if (count) {
            if ((source->status = pixels_inflate(source, out + done, count)))
                break;
            source->block -= count;
        } else if (!frame_make(source)) {
            break;
        }
        done += count;
    }
    return done;
}
