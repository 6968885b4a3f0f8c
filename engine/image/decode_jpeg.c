/* JPEG through libjpeg-turbo with its defaults (slow integer transform, smoothed chroma): the library and the
 * settings of the Pillow that the training pipeline read with. Its versions agree to the bit on grey, 4:4:4,
 * 4:2:2 and 4:2:0.
 *
 * The library goes on past damage with a warning and a guess. Here such a warning ends decoding, as errors
 * do: a guessed patch of lung is worse than no answer. Some of its warnings say only that a rule was broken
 * and that nothing is missing; they become a warning of ours. Memory: 2 bytes a coefficient, at most 6 a
 * pixel, for files in several scans, 3 a pixel for the result, and rows; the size is checked before any is
 * taken.
 */
#include "engine/image/container.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h uses its types */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* Progressive files in use have 6 to 20 scans; each scan costs a pass over all coefficients. */
enum { SCANS_MAX = 32, MARKER_EXIF = JPEG_APP0 + 1, MARKER_JPEG_LS = 0xF7, MARKER_BYTES_MAX = 0xFFFF };

struct decoder {
    struct jpeg_decompress_struct library;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf stop;
    const char *part; /* of the file being read, for the sentence of a refusal */
    bool has_many_scans;
    struct failure *failure;
    struct image_info *info;
    struct bytes encoded;
    uint8_t *room, *pixels;
};

static enum status damaged(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_UNPROCESSABLE, "The JPEG file is damaged: %s. Export it again.", what);
}

static enum status unsupported(struct failure *failure, const char *kind)
{
    return failure_set(failure, STATUS_UNSUPPORTED_MEDIA,
                       "%s JPEG files are not supported; send a baseline or progressive JPEG of 8 bits in "
                       "grey or colour, or a PNG.",
                       kind);
}

/* The library's hooks: none of them may return once something is wrong. */
static _Noreturn void on_error(j_common_ptr library)
{
    struct decoder *decoder = library->client_data;
    longjmp(decoder->stop, 1);
}

/* True when the bytes that the library has just skipped, up to a marker, are padding: all zeros and FFs.
 * Others are what is left of a scan whose data were changed, so that its blocks ended too early, or a segment
 * whose own marker was: of 2,900 scans that damage left too long, the rest of none looked like padding. */
static bool skipped_padding(const struct decoder *decoder)
{
    const struct jpeg_source_mgr *source = decoder->library.src;
    size_t skipped = (size_t)decoder->errors.msg_parm.i[0];
    size_t left = source->bytes_in_buffer;
    if (left > decoder->encoded.size || skipped > decoder->encoded.size - left)
        return false;
    const uint8_t *end = decoder->encoded.data + decoder->encoded.size - left;
    for (const uint8_t *at = end - skipped; at < end; at++)
        if (*at != 0x00 && *at != 0xFF)
            return false;
    return true;
}

/* True for a warning of a broken rule behind which the pixels are those of a file that keeps it. All others,
 * and those of later releases, tell of data that are missing or do not fit: the file ends early
 * (JWRN_JPEG_EOF), a scan does (JWRN_HIT_MARKER), codes do not exist (JWRN_HUFF_BAD_CODE,
 * JWRN_ARITH_BAD_CODE), scans of a progressive file are missing or repeated (JWRN_BOGUS_PROGRESSION), or
 * restart markers, with what lay between them (JWRN_MUST_RESYNC). */
static bool is_harmless(const struct decoder *decoder)
{
    switch (decoder->errors.msg_code) {
    case JWRN_EXTRANEOUS_DATA:
        return skipped_padding(decoder);
    case JWRN_NOT_SEQUENTIAL: /* a baseline scan names coefficients or bits; it holds all of them anyway */
    case JWRN_JFIF_MAJOR:     /* a version of JFIF that nothing follows from */
    case JWRN_ADOBE_XFORM:    /* a transform that does not exist: YCbCr, which every reader takes it for */
        return true;
    default:
        return false;
    }
}

static void on_message(j_common_ptr library, int level)
{
    struct decoder *decoder = library->client_data;
    if (level >= 0) /* a trace, no warning */
        return;
    if (!is_harmless(decoder))
        on_error(library);
    decoder->info->warnings |= IMAGE_WARNING_LOOSE;
}

static void on_progress(j_common_ptr library)
{
    struct decoder *decoder = library->client_data;
    decoder->has_many_scans = decoder->library.input_scan_number > SCANS_MAX;
    if (decoder->has_many_scans)
        on_error(library);
}

static bool is_rotated(const struct jpeg_decompress_struct *library)
{
    static const char exif[6] = "Exif";
    for (jpeg_saved_marker_ptr marker = library->marker_list; marker; marker = marker->next)
        if (marker->data_length > sizeof exif && !memcmp(marker->data, exif, sizeof exif) &&
            exif_is_rotated((struct bytes){marker->data + sizeof exif, marker->data_length - sizeof exif}))
            return true;
    return false;
}

/* As far as the library has come. */
static void info_fill(const struct jpeg_decompress_struct *library, struct image_info *info)
{
    info->width = library->image_width;
    info->height = library->image_height;
    info->bits = (unsigned)library->data_precision;
    info->channels = (unsigned)library->num_components;
    if (is_rotated(library))
        info->warnings |= IMAGE_WARNING_ROTATION;
}

/* Why a hook stopped the library, in our words. */
static enum status stop_explain(struct decoder *decoder)
{
    struct failure *failure = decoder->failure;
    info_fill(&decoder->library, decoder->info);
    if (decoder->has_many_scans)
        return failure_set(failure, STATUS_UNPROCESSABLE,
                           "The JPEG file has more scans than its image needs; save it again as a baseline "
                           "JPEG.");
    switch (decoder->errors.msg_code) {
    case JWRN_JPEG_EOF:
        return failure_set(
            failure, STATUS_UNPROCESSABLE,
            "The JPEG file is truncated: it ends before its end-of-image marker. Send the whole file.");
    case JERR_OUT_OF_MEMORY:
        return image_no_memory(failure);
    case JERR_IMAGE_TOO_BIG:
        return image_size_check(decoder->library.image_width, decoder->library.image_height, failure);
    case JERR_BAD_PRECISION:
        return unsupported(failure, "12-bit");
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
        return unsupported(failure, "Lossless, hierarchical and arithmetic-coded");
    case JERR_FRACT_SAMPLE_NOTIMPL:
        return unsupported(failure, "Fractionally subsampled");
    case JERR_UNKNOWN_MARKER:
        if (decoder->library.unread_marker == MARKER_JPEG_LS)
            return unsupported(failure, "JPEG-LS (lossless)");
        return damaged(failure, decoder->part);
    case JWRN_EXTRANEOUS_DATA:
        return damaged(failure, "bytes lie in it that belong to nothing, as where data were changed or lost");
    case JWRN_MUST_RESYNC:
        return damaged(failure, "a restart marker and what lies before it are missing");
    case JERR_SOF_DUPLICATE:
        return damaged(failure, "it has more than one frame");
    default:
        return damaged(failure, decoder->part);
    }
}

static enum status header_check(struct decoder *decoder)
{
    const struct jpeg_decompress_struct *library = &decoder->library;
    info_fill(library, decoder->info);
    if (library->data_precision != 8)
        return unsupported(decoder->failure, "12-bit");
    if (library->arith_code)
        return unsupported(decoder->failure, "Lossless, hierarchical and arithmetic-coded");
    if (library->num_components == 4)
        return unsupported(decoder->failure, "CMYK");
    if (library->num_components != 1 && library->num_components != 3)
        return damaged(decoder->failure, decoder->part);
    return image_size_check(library->image_width, library->image_height, decoder->failure);
}

/* Whether the scans of a progressive file have brought all bits of all coefficients. */
static bool has_all_scans(const struct jpeg_decompress_struct *library)
{
    for (int component = 0; library->progressive_mode && component < library->num_components; component++)
        for (int coefficient = 0; coefficient < DCTSIZE2; coefficient++)
            if (library->coef_bits[component][coefficient])
                return false;
    return true;
}

static enum status file_decode(struct decoder *decoder)
{
    struct jpeg_decompress_struct *library = &decoder->library;
    decoder->part = "its headers are not valid";
    jpeg_create_decompress(library);
    library->progress = &decoder->progress;
    jpeg_save_markers(library, MARKER_EXIF, MARKER_BYTES_MAX);
    jpeg_mem_src(library, decoder->encoded.data, decoder->encoded.size);
    jpeg_read_header(library, TRUE);
    enum status status = header_check(decoder);
    if (status)
        return status;
    decoder->part = "its image data are corrupt";
    library->out_color_space = JCS_RGB;
    jpeg_start_decompress(library);
    size_t stride = 3 * (size_t)library->output_width;
    decoder->pixels = decoder->room ? decoder->room : memory_allocate(library->output_height, stride);
    while (library->output_scanline < library->output_height) {
        JSAMPROW row = decoder->pixels + library->output_scanline * stride;
        jpeg_read_scanlines(library, &row, 1);
    }
    for (int i = 0; i < library->num_components; i++)
        if (!library->comp_info[i].quant_table) /* set by a component's first scan */
            return damaged(decoder->failure, "the scan of one of its colours is missing");
    if (!has_all_scans(library))
        return damaged(decoder->failure, "scans of its progressive data are missing");
    jpeg_finish_decompress(library); /* reads on to the end-of-image marker */
    size_t rest = library->src->bytes_in_buffer, size = decoder->encoded.size;
    if (rest <= size)
        image_note_rest((struct bytes){decoder->encoded.data + size - rest, rest}, decoder->info);
    return STATUS_OK;
}

/* Apart from its caller, so that no variable of its own changes between setjmp and longjmp. */
static enum status file_decode_guarded(struct decoder *decoder)
{
    if (setjmp(decoder->stop))
        return stop_explain(decoder);
    return file_decode(decoder);
}

enum status image_decode_jpeg(struct bytes encoded, uint8_t *room, const struct image_options *options,
                              struct failure *failure, struct image_info *info, struct samples *out)
{
    (void)options;
    struct decoder decoder = {.progress.progress_monitor = on_progress,
                              .failure = failure,
                              .info = info,
                              .encoded = encoded,
                              .room = room};
    decoder.library.err = jpeg_std_error(&decoder.errors);
    decoder.library.client_data = &decoder;
    decoder.errors.error_exit = on_error;
    decoder.errors.emit_message = on_message;
    enum status status = file_decode_guarded(&decoder);
    jpeg_destroy_decompress(&decoder.library);
    if (status == STATUS_OK)
        *out = (struct samples){.channels = 3, .bits = 8, .values = decoder.pixels, .borrowed = room};
    else if (!room)
        free(decoder.pixels);
    return status;
}
