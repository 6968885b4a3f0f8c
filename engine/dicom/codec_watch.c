/* Functions in the place of the decoders' own, which the dynamic linker gives GDCM: each calls the one it
 * stands for and has warnings come here.
 *
 * - gdcmjpeg{8,12,16}_jpeg_std_error: GDCM's three builds of the Independent JPEG Group's library, release
 * 6b.
 * - opj_set_error_handler: OpenJPEG's.
 * - opj_get_num_cpus: OpenJPEG's opens a file, which a decoder may not, and it needs no threads.
 */
#include "engine/dicom/codec_watch.h"

#include <dlfcn.h>
#include <string.h>

static _Thread_local struct {
    const uint8_t *codestream;
    size_t bytes;
    bool warned;
} watch;

void codec_watch_begin(const uint8_t *codestream, size_t bytes)
{
    watch.codestream = codestream;
    watch.bytes = bytes;
    watch.warned = false;
}

bool codec_watch_warned(void)
{
    return watch.warned;
}

/* How jpeg_error_mgr begins; each library has the same. */
struct jpeg_errors {
    void (*error_exit)(void *library);
    void (*emit_message)(void *library, int level);
    void (*output_message)(void *library);
    void (*format_message)(void *library, char *buffer);
    void (*reset)(void *library);
    int code;
    int parameters[8];
};

/* What a library begins with. */
struct jpeg_library {
    struct jpeg_errors *errors;
};

/* True when the bytes that were skipped before the end marker are padding, of which programs write a few.
 * More may be the codes of black rows, whose place was shifted by damage before them. */
static bool skipped_padding(size_t skipped)
{
    enum { PADDING_BYTES_MAX = 4 };
    size_t end = watch.bytes;
    while (end >= 2 && !(watch.codestream[end - 2] == 0xFF && watch.codestream[end - 1] == 0xD9))
        end--;
    if (end < 2 || skipped > end - 2 || skipped > PADDING_BYTES_MAX)
        return false;
    for (size_t i = end - 2 - skipped; i < end - 2; i++)
        if (watch.codestream[i] != 0x00 && watch.codestream[i] != 0xFF)
            return false;
    return true;
}

/* True for a broken rule behind which the pixels are those of a file that keeps it, as of JPEG files. */
static bool is_harmless(const struct jpeg_errors *errors, const char *text)
{
    static const char *const words[] = {"Invalid SOS parameters for sequential JPEG",
                                        "Unknown Adobe color transform code", "unknown JFIF revision number"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i]))
            return true;
    return strstr(text, "extraneous bytes before marker 0xd9") && errors->parameters[0] > 0 &&
           skipped_padding((size_t)errors->parameters[0]);
}

static void jpeg_warn(void *library, int level)
{
    const struct jpeg_errors *errors = ((const struct jpeg_library *)library)->errors;
    char text[256] = "";
    if (level >= 0) /* a trace */
        return;
    errors->format_message(library, text);
    watch.warned |= !is_harmless(errors, text);
}

/* What goes wrong is told in our words, and not on standard error. */
static void jpeg_silence(void *library)
{
    (void)library;
}

typedef struct jpeg_errors *(*jpeg_std_error)(struct jpeg_errors *errors);

static struct jpeg_errors *watch_jpeg(const char *name, struct jpeg_errors *errors)
{
    jpeg_std_error original = (jpeg_std_error)dlsym(RTLD_NEXT, name);
    original(errors);
    errors->emit_message = jpeg_warn;
    errors->output_message = jpeg_silence;
    return errors;
}

struct jpeg_errors *gdcmjpeg8_jpeg_std_error(struct jpeg_errors *errors);
struct jpeg_errors *gdcmjpeg8_jpeg_std_error(struct jpeg_errors *errors)
{
    return watch_jpeg("gdcmjpeg8_jpeg_std_error", errors);
}

struct jpeg_errors *gdcmjpeg12_jpeg_std_error(struct jpeg_errors *errors);
struct jpeg_errors *gdcmjpeg12_jpeg_std_error(struct jpeg_errors *errors)
{
    return watch_jpeg("gdcmjpeg12_jpeg_std_error", errors);
}

struct jpeg_errors *gdcmjpeg16_jpeg_std_error(struct jpeg_errors *errors);
struct jpeg_errors *gdcmjpeg16_jpeg_std_error(struct jpeg_errors *errors)
{
    return watch_jpeg("gdcmjpeg16_jpeg_std_error", errors);
}

typedef void opj_callback(const char *message, void *data);
typedef int opj_set_handler(void *codec, opj_callback *callback, void *data);

/* All but what is said of headers that are read as they were meant. */
static void opj_warn(const char *message, void *data)
{
    static const char *const harmless[] = {"TPsot==TNsot", "Unknown marker", "JP2 box"};
    (void)data;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strstr(message, harmless[i]))
            return;
    watch.warned = true;
}

int opj_set_error_handler(void *codec, opj_callback *callback, void *data);
int opj_set_error_handler(void *codec, opj_callback *callback, void *data)
{
    opj_set_handler *errors = (opj_set_handler *)dlsym(RTLD_NEXT, "opj_set_error_handler");
    opj_set_handler *warnings = (opj_set_handler *)dlsym(RTLD_NEXT, "opj_set_warning_handler");
    return errors(codec, callback, data) && warnings(codec, opj_warn, NULL);
}

int opj_get_num_cpus(void);
int opj_get_num_cpus(void)
{
    return 1;
}
