#include "engine/image/container.h"
#include "tests/unit/image/support.h"

#define BYTES(literal) literal, sizeof literal - 1
#define ZEROS_128      ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32
#define ZEROS_32       ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8
#define ZEROS_8        "\0\0\0\0\0\0\0\0"

#define ZEROS_124      ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_8 ZEROS_8 ZEROS_8 "\0\0\0\0"
#define TIFF_AND_DICOM "II*\0" ZEROS_124 "DICM\2\0\0\0UL\4\0"

/* Beginnings of files, and what the refusal calls them and asks for. */
static const struct {
    const char *content;
    size_t size;
    enum image_format format;
    const char *words;
} KINDS[] = {
    {BYTES("GIF87a\1\0\1\0"), IMAGE_GIF,
     "a GIF image, which is not read here; send the picture as PNG, JPEG or DICOM."},
    {BYTES("GIF89a\1\0\1\0"), IMAGE_GIF, "a GIF image"},
    {BYTES("BM\x36\4\0\0\0\0\0\0\x36\4\0\0\x28\0\0\0"), IMAGE_BMP, "a BMP image"},
    {BYTES("II*\0\x8\0\0\0"), IMAGE_TIFF, "a TIFF image"},
    {BYTES("MM\0*\0\0\0\x8"), IMAGE_TIFF, "a TIFF image"},
    {BYTES("II+\0\x8\0\0\0"), IMAGE_TIFF, "a TIFF image"},
    {BYTES("RIFF\0\1\0\0WEBPVP8 "), IMAGE_WEBP, "a WebP image"},
    {BYTES("\0\0\0\x1C"
           "ftypavif\0\0\0\0mif1avifmiaf"),
     IMAGE_AVIF, "an AVIF image"},
    {BYTES("\0\0\0\x1C"
           "ftypmif1\0\0\0\0miafavif\0\0"),
     IMAGE_AVIF, "an AVIF image"},
    {BYTES("\0\0\0\x18"
           "ftypheic\0\0\0\0mif1heic"),
     IMAGE_HEIF, "a HEIC (HEIF) image"},
    {BYTES("\0\0\0\x18"
           "ftypmif1\0\0\0\0mif1miaf"),
     IMAGE_HEIF, "a HEIC (HEIF) image"},
    {BYTES("\0\0\0\xCjP  \r\n\x87\n\0\0\0\x14"), IMAGE_JPEG_2000, "a JPEG 2000 image"},
    {BYTES("\xFF\x4F\xFF\x51\0\x29"), IMAGE_JPEG_2000, "a JPEG 2000 image"},
    {BYTES("\0\0\0\xCJXL \r\n\x87\n"), IMAGE_JPEG_XL, "a JPEG XL image"},
    {BYTES("\xFF\x0A\xFA\x7F"), IMAGE_JPEG_XL, "a JPEG XL image"},
    {BYTES(ZEROS_128 "DICM\2\0\2\0UI\x14\0"
                     "1.2.840.10008.1.3.10"),
     IMAGE_DICOMDIR,
     "a DICOMDIR (a list of DICOM files), which is not read here; send the files that it lists."},
    {BYTES("\x5C\1\0\0" ZEROS_128 ZEROS_128 ZEROS_32 ZEROS_32 ZEROS_8 ZEROS_8 "\0\0\0\0n+1\0"), IMAGE_NIFTI,
     "a NIfTI volume"},
    {BYTES("\x1C\2\0\0n+2\0\r\n\x1A\n"), IMAGE_NIFTI, "a NIfTI volume"},
    {BYTES("\x93NUMPY\1\0"), IMAGE_NUMPY, "a NumPy array"},
    {BYTES("%PDF-1.4\n"), IMAGE_PDF, "a PDF document, which is not read here; export the picture in it."},
    {BYTES("PK\3\4\x14\0"), IMAGE_ZIP, "a ZIP archive, which is not read here; unpack it"},
    {BYTES("\x1F\x8B\x08\0\0"), IMAGE_GZIP, "compressed with gzip, which is not read here; unpack it"},
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"), IMAGE_LFS_POINTER,
     "run `git lfs pull`"},
    {BYTES("iVBORw0KGgoAAAANSUhEUg=="), IMAGE_BASE64, "the base64 text of an image"},
    {BYTES(" /9j/4AAQSkZJRgABAQ"), IMAGE_BASE64, "the base64 text of an image"},
    {BYTES("data:image/png;base64,iVBORw0KGgo"), IMAGE_BASE64, "the base64 text of an image"},
    {BYTES("<svg xmlns='http://www.w3.org/2000/svg'/>"), IMAGE_SVG, "an SVG drawing"},
    {BYTES("<?xml version='1.0'?>\n<!-- drawn -->\n<svg/>"), IMAGE_SVG, "an SVG drawing"},
    {BYTES("\xEF\xBB\xBF\r\n<!DOCTYPE HTML><title>403"), IMAGE_HTML, "a web page (HTML; perhaps"},
    {BYTES("<html><body>Sign in"), IMAGE_HTML, "fetch the image itself."},
    {BYTES("<?xml version='1.0'?><Error/>"), IMAGE_XML, "XML text"},
    {BYTES("{\"images\": []}"), IMAGE_JSON, "JSON text"},
    {BYTES("\n[1, 2]"), IMAGE_JSON, "JSON text"},
    {BYTES("These are words.\n"), IMAGE_TEXT, "plain text, which is not read here; send"},
    {BYTES("BMW, BMI and BMJ begin as a picture might"), IMAGE_TEXT, "plain text"},
    {BYTES("R\xC3\xB6ntgen"), IMAGE_TEXT, "plain text"},
    {BYTES("\0\0\0\x18"
           "ftypisom\0\0\0\0isommp42"),
     IMAGE_UNKNOWN, "of no kind that is known here; send"},
    {BYTES("\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), IMAGE_UNKNOWN, "of no kind"},
    {BYTES("Words, and\0 more"), IMAGE_UNKNOWN, "of no kind"},
    {BYTES("RIFF\0\1\0\0WAVEfmt "), IMAGE_UNKNOWN, "of no kind"},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static struct bytes content_of(size_t kind)
{
    return (struct bytes){(const uint8_t *)KINDS[kind].content, KINDS[kind].size};
}

START_TEST(kinds_are_named_by_their_content)
{
    ck_assert_msg(image_sniff(content_of((size_t)_i)) == KINDS[_i].format, "%s instead of %s",
                  image_format_name(image_sniff(content_of((size_t)_i))),
                  image_format_name(KINDS[_i].format));
    decode_refused(content_of((size_t)_i), STATUS_UNSUPPORTED_MEDIA, KINDS[_i].words);
}
END_TEST

/* With a preamble or without, explicit or implicit, little or big endian. */
START_TEST(dicom_files_are_known_by_their_beginning)
{
    static const struct {
        const char *content;
        size_t size;
        const char *words;
    } files[] = {{BYTES(ZEROS_128 "DICM\2\0\0\0UL\4\0"), "ends within its file meta information"},
                 {BYTES("\2\0\0\0UL\4\0\x8C\0\0\0\2\0\1\0OB\0\0\2\0\0\0\0\1"),
                  "does not say what it holds (SOP Class UID)"},
                 {BYTES("\x8\0\5\0CS\xA\0ISO_IR 100\x8\0\x16\0UI\x8\0"
                        "1.2.840\0"),
                  "SOP class is of no kind that is known here (1.2.840)"},
                 {BYTES("\x8\0\5\0\xA\0\0\0ISO_IR 100\x8\0\x16\0\x8\0\0\0"
                        "1.2.840\0"),
                  "known here (1.2.840)"},
                 {BYTES("\0\x8\0\5CS\0\xAISO_IR 100\0\x8\0\x16UI\0\x8"
                        "1.2.840\0"),
                  "known here (1.2.840)"}};
    /* The preamble may be the head of a TIFF. */
    ck_assert_int_eq(image_sniff((struct bytes){(const uint8_t *)TIFF_AND_DICOM, sizeof TIFF_AND_DICOM - 1}),
                     IMAGE_DICOM);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct bytes file = {(const uint8_t *)files[i].content, files[i].size};
        ck_assert_msg(image_sniff(file) == IMAGE_DICOM, "%zu", i);
        decode_refused(file, i ? STATUS_UNSUPPORTED_MEDIA : STATUS_UNPROCESSABLE, files[i].words);
    }
}
END_TEST

/* Whatever a file was going to be, its first bytes alone are read within bounds; a memory checker looks on.
 */
START_TEST(every_beginning_has_a_format)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        for (size_t size = 0; size <= KINDS[kind].size; size++) {
            uint8_t *copy = memory_allocate(size, 1);
            if (size)
                memcpy(copy, KINDS[kind].content, size);
            ck_assert_uint_lt(image_sniff((struct bytes){copy, size}), IMAGE_FORMATS);
            free(copy);
        }
}
END_TEST

START_TEST(every_format_that_is_not_read_is_refused_by_its_name)
{
    bool seen[IMAGE_FORMATS] = {false};
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        seen[KINDS[kind].format] = true;
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++) {
        struct failure failure = {0};
        ck_assert_msg(seen[format] != image_format_is_read(format), "%s", image_format_name(format));
        if (!image_format_is_read(format)) {
            ck_assert_int_eq(image_format_refuse(format, &failure), STATUS_UNSUPPORTED_MEDIA);
            ck_assert_uint_gt(strlen(failure.sentence), 40);
        }
        for (enum image_format other = 0; other < format; other++)
            ck_assert_str_ne(image_format_name(format), image_format_name(other));
    }
    ck_assert(image_format_is_read(IMAGE_PNG) && image_format_is_read(IMAGE_JPEG) &&
              image_format_is_read(IMAGE_DICOM));
    ck_assert_str_eq(image_formats_read().text, "PNG, JPEG or DICOM");
    ck_assert_str_eq(image_endings_read().text, ".png, .jpg, .jpeg, .jpe, .jfif, .jif, .dcm, .dicom or .dic");
    ck_assert_str_eq(image_format_name(IMAGE_UNKNOWN), "unknown");
}
END_TEST

/* Else it would never be heavy, however large. */
START_TEST(every_format_that_is_read_says_its_size)
{
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++) {
        const struct image_reader *reader = image_format_reader(format);
        ck_assert_msg(!reader->decode == !reader->peek, "%s", image_format_name(format));
    }
    for (size_t size = 0; size < 24; size++)
        ck_assert_uint_eq(
            image_work((struct bytes){(const uint8_t *)"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\1\0\0\0\1", size}),
            size ? IMAGE_PIXELS_MAX : 0);
    ck_assert_uint_eq(image_work((struct bytes){(const uint8_t *)"GIF89a\1\0\1\0", 10}), 0);
}
END_TEST

START_TEST(media_types_have_formats)
{
    static const struct {
        const char *type;
        enum image_format format;
    } types[] = {
        {"image/png", IMAGE_PNG},           {"IMAGE/PNG; a=b", IMAGE_PNG}, {"image/x-png", IMAGE_PNG},
        {"image/jpeg", IMAGE_JPEG},         {"image/jpg", IMAGE_JPEG},     {"image/pjpeg ;q=1", IMAGE_JPEG},
        {"application/dicom", IMAGE_DICOM}, {"image/svg+xml", IMAGE_SVG},  {"image/pngs", IMAGE_UNKNOWN},
        {"image/pn", IMAGE_UNKNOWN},        {"png", IMAGE_UNKNOWN},        {"", IMAGE_UNKNOWN}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        ck_assert_msg(image_format_by_media_type(types[i].type) == types[i].format, "%s", types[i].type);
}
END_TEST

START_TEST(endings_have_formats)
{
    static const struct {
        const char *name;
        enum image_format format;
    } names[] = {{"a.png", IMAGE_PNG},      {"A.B.PNG", IMAGE_PNG},       {"a.jpg", IMAGE_JPEG},
                 {"a.jpeg", IMAGE_JPEG},    {"a.JPE", IMAGE_JPEG},        {"a.jfif", IMAGE_JPEG},
                 {"scan.dcm", IMAGE_DICOM}, {"a.tif", IMAGE_TIFF},        {"a.pngs", IMAGE_UNKNOWN},
                 {"png", IMAGE_UNKNOWN},    {"a.png.bak", IMAGE_UNKNOWN}, {"a.", IMAGE_UNKNOWN},
                 {"", IMAGE_UNKNOWN}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(image_format_by_ending(names[i].name) == names[i].format, "%s", names[i].name);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {kinds_are_named_by_their_content,
                            dicom_files_are_known_by_their_beginning,
                            every_beginning_has_a_format,
                            every_format_that_is_not_read_is_refused_by_its_name,
                            every_format_that_is_read_says_its_size,
                            media_types_have_formats,
                            endings_have_formats};
    size_t loops[] = {KIND_COUNT, 1, 1, 1, 1, 1, 1};
    return run_cases("image/format", tests, loops, 7);
}
