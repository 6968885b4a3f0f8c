#include "engine/dicom/dicom.h"
#include "engine/image/container.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SIGNATURES_MAX = 4, ENDINGS_MAX = 5, MEDIA_TYPES_MAX = 4 };

/* Lists end with their first empty entry. */
struct codec {
    const char *name;   /* in answers */
    const char *title;  /* of one that is read, in lists: "PNG" */
    const char *noun;   /* of one that is refused: "a WebP image" */
    const char *advice; /* what to do with one that is refused; NULL: send another format */
    const char *media_types[MEDIA_TYPES_MAX];
    const char *endings[ENDINGS_MAX];
    struct {
        size_t offset, size;
        const char *bytes;
    } signatures[SIGNATURES_MAX];            /* any of them makes the format */
    bool (*recognise)(struct bytes encoded); /* where fixed bytes cannot tell; or NULL */
    struct image_reader reader;              /* empty: refused by its name */
};

static const struct codec CODECS[IMAGE_FORMATS] = {
    [IMAGE_UNKNOWN] = {.name = "unknown", .noun = "of no kind that is known here"},
    [IMAGE_PNG] = {.name = "png",
                   .title = "PNG",
                   .media_types = {"image/png", "image/x-png", "image/apng"},
                   .endings = {".png"},
                   .signatures = {{0, 8, "\x89PNG\r\n\x1A\n"}},
                   .reader = {image_decode_png, image_peek_png}},
    [IMAGE_JPEG] = {.name = "jpeg",
                    .title = "JPEG",
                    .media_types = {"image/jpeg", "image/jpg", "image/pjpeg"},
                    .endings = {".jpg", ".jpeg", ".jpe", ".jfif", ".jif"},
                    .signatures = {{0, 3, "\xFF\xD8\xFF"}},
                    .reader = {image_decode_jpeg, image_peek_jpeg, image_work_jpeg}},
    [IMAGE_DICOMDIR] = {.name = "dicomdir",
                        .noun = "a DICOMDIR (a list of DICOM files)",
                        .advice = "send the files that it lists",
                        .recognise = is_dicomdir},
    [IMAGE_DICOM] = {.name = "dicom",
                     .title = "DICOM",
                     .media_types = {"application/dicom", "image/dicom", "application/dicom+octet-stream"},
                     .endings = {".dcm", ".dicom", ".dic"},
                     .recognise = is_dicom,
                     .reader = {image_decode_dicom, image_peek_dicom}},
    [IMAGE_GIF] = {.name = "gif",
                   .noun = "a GIF image",
                   .media_types = {"image/gif"},
                   .endings = {".gif"},
                   .signatures = {{0, 6, "GIF87a"}, {0, 6, "GIF89a"}}},
    [IMAGE_BMP] = {.name = "bmp",
                   .noun = "a BMP image",
                   .media_types = {"image/bmp", "image/x-ms-bmp"},
                   .endings = {".bmp", ".dib"},
                   .recognise = is_bmp},
    [IMAGE_TIFF] = {.name = "tiff",
                    .noun = "a TIFF image",
                    .media_types = {"image/tiff"},
                    .endings = {".tif", ".tiff"},
                    .signatures = {{0, 4, "II*\0"}, {0, 4, "MM\0*"}, {0, 4, "II+\0"}, {0, 4, "MM\0+"}}},
    [IMAGE_WEBP] = {.name = "webp",
                    .noun = "a WebP image",
                    .media_types = {"image/webp"},
                    .endings = {".webp"},
                    .recognise = is_webp},
    [IMAGE_AVIF] = {.name = "avif",
                    .noun = "an AVIF image",
                    .media_types = {"image/avif"},
                    .endings = {".avif"},
                    .recognise = is_avif},
    [IMAGE_HEIF] = {.name = "heif",
                    .noun = "a HEIC (HEIF) image",
                    .media_types = {"image/heic", "image/heif"},
                    .endings = {".heic", ".heif", ".hif"},
                    .recognise = is_heif},
    [IMAGE_JPEG_2000] = {.name = "jpeg2000",
                         .noun = "a JPEG 2000 image",
                         .media_types = {"image/jp2", "image/jpx", "image/j2c"},
                         .endings = {".jp2", ".j2k", ".jpx", ".j2c", ".jpc"},
                         .signatures = {{4, 8, "jP  \r\n\x87\n"}, {0, 4, "\xFF\x4F\xFF\x51"}}},
    [IMAGE_JPEG_XL] = {.name = "jpegxl",
                       .noun = "a JPEG XL image",
                       .media_types = {"image/jxl"},
                       .endings = {".jxl"},
                       .signatures = {{4, 8, "JXL \r\n\x87\n"}, {0, 2, "\xFF\x0A"}}},
    [IMAGE_NIFTI] = {.name = "nifti",
                     .noun = "a NIfTI volume",
                     .endings = {".nii"},
                     .signatures = {{344, 4, "n+1\0"}, {344, 4, "ni1\0"}, {4, 8, "n+2\0\r\n\x1A\n"}}},
    [IMAGE_NUMPY] = {.name = "numpy",
                     .noun = "a NumPy array",
                     .endings = {".npy"},
                     .signatures = {{0, 6, "\x93NUMPY"}}},
    [IMAGE_PDF] = {.name = "pdf",
                   .noun = "a PDF document",
                   .advice = "export the picture in it",
                   .media_types = {"application/pdf"},
                   .endings = {".pdf"},
                   .signatures = {{0, 5, "%PDF-"}}},
    [IMAGE_ZIP] = {.name = "zip",
                   .noun = "a ZIP archive",
                   .advice = "unpack it and send the images in it",
                   .media_types = {"application/zip"},
                   .endings = {".zip"},
                   .signatures = {{0, 4, "PK\3\4"}, {0, 4, "PK\5\6"}}},
    [IMAGE_GZIP] = {.name = "gzip",
                    .noun = "compressed with gzip",
                    .advice = "unpack it and send the image in it",
                    .media_types = {"application/gzip"},
                    .endings = {".gz"},
                    .signatures = {{0, 3, "\x1F\x8B\x08"}}},
    [IMAGE_LFS_POINTER] = {.name = "git-lfs-pointer",
                           .noun = "a Git LFS pointer (a few lines of text in place of the file)",
                           .advice = "run `git lfs pull` and send the file itself",
                           .signatures = {{0, 34, "version https://git-lfs.github.com"}}},
    [IMAGE_BASE64] = {.name = "base64",
                      .noun = "the base64 text of an image",
                      .advice = "send the image's own bytes, or the text as \"data\" in JSON",
                      .recognise = is_base64},
    [IMAGE_SVG] = {.name = "svg",
                   .noun = "an SVG drawing",
                   .media_types = {"image/svg+xml"},
                   .endings = {".svg"},
                   .recognise = is_svg},
    [IMAGE_HTML] = {.name = "html",
                    .noun = "a web page (HTML; perhaps an error page in place of a download)",
                    .advice = "fetch the image itself",
                    .endings = {".html", ".htm"},
                    .recognise = is_html},
    [IMAGE_XML] = {.name = "xml", .noun = "XML text", .endings = {".xml"}, .recognise = is_xml},
    [IMAGE_JSON] = {.name = "json", .noun = "JSON text", .endings = {".json"}, .recognise = is_json},
    [IMAGE_TEXT] = {.name = "text", .noun = "plain text", .endings = {".txt"}, .recognise = is_text},
};

/* A file that ends inside the signature has it as far as it goes: it is a piece of such an image. */
static bool has_signature(struct bytes encoded, const struct codec *codec)
{
    for (size_t i = 0; i < SIGNATURES_MAX && codec->signatures[i].size; i++) {
        size_t offset = codec->signatures[i].offset, size = codec->signatures[i].size;
        if (encoded.size <= offset || (encoded.size - offset < size && !codec->reader.decode))
            continue;
        size_t common = encoded.size - offset < size ? encoded.size - offset : size;
        if (!memcmp(encoded.data + offset, codec->signatures[i].bytes, common))
            return true;
    }
    return false;
}

enum image_format image_sniff(struct bytes encoded)
{
    enum image_format format = IMAGE_UNKNOWN + 1;
    while (format < IMAGE_FORMATS && !has_signature(encoded, &CODECS[format]) &&
           !(CODECS[format].recognise && CODECS[format].recognise(encoded)))
        format++;
    return format < IMAGE_FORMATS ? format : IMAGE_UNKNOWN;
}

/* True when the list of at most `count` words holds the first `length` bytes of `word`. */
static bool list_has(const char *const *list, size_t count, const char *word, size_t length)
{
    for (size_t i = 0; i < count && list[i]; i++)
        if (strlen(list[i]) == length && !strncasecmp(list[i], word, length))
            return true;
    return false;
}

enum image_format image_format_by_media_type(const char *type)
{
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++)
        if (list_has(CODECS[format].media_types, MEDIA_TYPES_MAX, type, strcspn(type, "; \t")))
            return format;
    return IMAGE_UNKNOWN;
}

enum image_format image_format_by_ending(const char *name)
{
    const char *ending = strrchr(name, '.');
    for (enum image_format format = 0; ending && format < IMAGE_FORMATS; format++)
        if (list_has(CODECS[format].endings, ENDINGS_MAX, ending, strlen(ending)))
            return format;
    return IMAGE_UNKNOWN;
}

const char *image_format_name(enum image_format format)
{
    return CODECS[format].name;
}

const struct image_reader *image_format_reader(enum image_format format)
{
    return &CODECS[format].reader;
}

bool image_format_is_read(enum image_format format)
{
    return CODECS[format].reader.decode;
}

bool image_may_be_read(struct bytes begin)
{
    enum image_format format = image_sniff(begin);
    return image_format_is_read(format) && (format != IMAGE_DICOM || dicom_kind(begin) != OBJECT_NO_PICTURE);
}

/* Adds a word to "A, B or C"; `left`: how many follow. */
static void list_add(struct image_format_list *list, const char *word, size_t left)
{
    size_t used = strlen(list->text);
    int length = snprintf(list->text + used, sizeof list->text - used, "%s%s", word,
                          left > 1 ? ", "
                          : left   ? " or "
                                   : "");
    assert((size_t)length < sizeof list->text - used);
}

struct image_format_list image_formats_read(void)
{
    struct image_format_list list = {0};
    size_t left = 0;
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++)
        left += image_format_is_read(format);
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++)
        if (image_format_is_read(format))
            list_add(&list, CODECS[format].title, --left);
    return list;
}

struct image_format_list image_endings_read(void)
{
    struct image_format_list list = {0};
    const char *endings[IMAGE_FORMATS * ENDINGS_MAX];
    size_t count = 0;
    for (enum image_format format = 0; format < IMAGE_FORMATS; format++)
        for (size_t i = 0; image_format_is_read(format) && i < ENDINGS_MAX && CODECS[format].endings[i]; i++)
            endings[count++] = CODECS[format].endings[i];
    for (size_t i = 0; i < count; i++)
        list_add(&list, endings[i], count - i - 1);
    return list;
}

enum status image_format_refuse(enum image_format format, struct failure *failure)
{
    const struct codec *codec = &CODECS[format];
    const char *unread = format == IMAGE_UNKNOWN ? "" : ", which is not read here";
    if (codec->advice)
        return failure_set(failure, STATUS_UNSUPPORTED_MEDIA, "The file is %s%s; %s.", codec->noun, unread,
                           codec->advice);
    return failure_set(failure, STATUS_UNSUPPORTED_MEDIA, "The file is %s%s; send the picture as %s.",
                       codec->noun, unread, image_formats_read().text);
}
