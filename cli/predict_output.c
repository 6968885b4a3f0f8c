#include "cli/predict_output.h"

#include "api/base64.h"
#include "api/result.h"
#include "engine/base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const FORMATS[] = {"table", "json", "jsonl", "csv"};
static const size_t PICTURE_BYTES_MAX = (size_t)1 << 30;

bool predict_format_read(const char *name, enum predict_format *out)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (!strcmp(name, FORMATS[i])) {
            *out = (enum predict_format)i;
            return true;
        }
    return false;
}

uint32_t predict_output_keep_side(const struct predict_output *output)
{
    return output->options.attention == ATTENTION_OVERLAY ? output->options.picture_side : 0;
}

static bool is_json(const struct predict_output *output)
{
    return output->format == PREDICT_JSON || output->format == PREDICT_JSONL;
}

/* Opens the one document; in a folder every image has a file of its own. */
static void write_opening(struct predict_output *output)
{
    if (output->folder)
        return;
    if (output->format == PREDICT_CSV)
        puts("image,head,label,logit,probability,threshold,positive");
    if (output->format == PREDICT_JSON) {
        struct json *model = result_model(output->card);
        char *text = json_print(model, false);
        printf("{\"model\":%s,\n\"predictions\":[", text);
        free(text);
        json_destroy(&model);
    }
}

enum status predict_output_begin(struct predict_output *output, struct arena *arena,
                                 const struct model_card *card, const struct option_list *choices,
                                 struct failure *failure)
{
    output->arena = arena;
    output->card = card;
    enum status status = options_resolve(arena, card, choices, failure, &output->options);
    if (status)
        return status;
    if (output->folder && mkdir(output->folder, 0777) && errno != EEXIST)
        return failure_set(failure, STATUS_INVALID_FILE, "%s: the folder cannot be made: %s.", output->folder,
                           strerror(errno));
    if (!is_json(output) && output->options.attention == ATTENTION_GRID)
        output->options.attention = ATTENTION_NONE; /* a table has no place for it */
    write_opening(output);
    return STATUS_OK;
}

/* "folder/name.ending" for an image, its own folder and ending dropped; the caller frees it. */
static char *output_path(const struct predict_output *output, const char *image, const char *ending)
{
    const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image, *dot = strrchr(name, '.');
    int stem = dot ? (int)(dot - name) : (int)strlen(name);
    size_t size = strlen(output->folder) + strlen(name) + strlen(ending) + 3;
    char *path = memory_allocate(size, 1);
    snprintf(path, size, "%s/%.*s%s", output->folder, stem, name, ending);
    return path;
}

static enum status write_file(const struct predict_output *output, const char *image, const char *ending,
                              struct bytes content, struct failure *failure)
{
    char *path = output_path(output, image, ending);
    enum status status = file_write(path, content, failure);
    free(path);
    return status;
}

/* Takes the base64 picture out of a map's JSON and writes it as "<image>.<label>.png"; labels' odd characters
 * become
 * '_'. */
static enum status write_picture(const struct predict_output *output, const char *image,
                                 const struct json *map, struct failure *failure)
{
    const char *text = json_text(json_member(map, "png")), *label = json_text(json_member(map, "label"));
    struct bytes picture;
    char ending[96];
    if (!text)
        return STATUS_OK;
    if (base64_decode(output->arena, text, strlen(text), failure, &picture))
        return failure->status;
    snprintf(ending, sizeof ending, ".%.80s.png", label);
    for (char *at = ending + 1; *at && strcmp(at, ".png"); at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *at))
            *at = '_';
    return write_file(output, image, ending, picture, failure);
}

/* CSV quotes a field that needs it by doubling its quotes (RFC 4180). */
static void write_field(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_csv(const struct predict_output *output, FILE *out, const char *image,
                      const struct prediction *prediction)
{
    for (size_t h = 0; h < prediction->head_count; h++) {
        const struct head_prediction *head = &prediction->heads[h];
        for (size_t i = 0; output->options.heads[h] && i < head->head->label_count; i++) {
            double threshold = options_threshold(&output->options, &head->head->labels[i]);
            write_field(out, image);
            putc(',', out);
            write_field(out, head->head->name);
            putc(',', out);
            write_field(out, head->head->labels[i].name);
            fprintf(out, ",%.9g,%.9g,%g,%s\n", (double)head->logits[i], (double)head->probabilities[i],
                    threshold, (double)head->probabilities[i] >= threshold ? "true" : "false");
        }
    }
}

static void write_table(const struct predict_output *output, FILE *out, const char *image,
                        const struct prediction *prediction)
{
    fprintf(out, "%s  %u x %u %s\n", image, prediction->image.width, prediction->image.height,
            image_format_name(prediction->image.format));
    for (size_t h = 0; h < prediction->head_count; h++) {
        const struct head_prediction *head = &prediction->heads[h];
        for (size_t i = 0; output->options.heads[h] && i < head->head->label_count; i++) {
            double probability = (double)head->probabilities[i];
            bool positive = probability >= options_threshold(&output->options, &head->head->labels[i]);
            fprintf(out, "  %s %-28s %6.3f  %s\n", positive ? "*" : " ", head->head->labels[i].name,
                    probability, head->head->kind == HEAD_RISK ? head->head->definition : "");
        }
    }
}

static enum status write_json(struct predict_output *output, const char *image, struct json *object,
                              struct failure *failure)
{
    enum status status = STATUS_OK;
    char *text = json_print(object, output->folder != NULL);
    if (output->folder)
        status = write_file(output, image, ".json", (struct bytes){(uint8_t *)text, strlen(text)}, failure);
    else if (output->format == PREDICT_JSONL)
        puts(text);
    else
        printf("%s%s", output->written ? ",\n" : "\n", text);
    output->written++;
    free(text);
    return status;
}

/* Tables and CSV, to standard output or to a file of the image's own. */
static enum status write_text(struct predict_output *output, const char *image,
                              const struct prediction *prediction, struct failure *failure)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = output->folder ? open_memstream(&text, &size) : stdout;
    if (output->folder && output->format == PREDICT_CSV)
        fputs("image,head,label,logit,probability,threshold,positive\n", out);
    if (output->format == PREDICT_CSV)
        write_csv(output, out, image, prediction);
    else
        write_table(output, out, image, prediction);
    if (!output->folder)
        return STATUS_OK;
    fclose(out);
    enum status status = write_file(output, image, output->format == PREDICT_CSV ? ".csv" : ".txt",
                                    (struct bytes){(uint8_t *)text, size}, failure);
    free(text);
    return status;
}

void predict_output_write(struct predict_output *output, const char *path,
                          const struct prediction *prediction, struct failure *failure)
{
    struct result_context context = {
        .card = output->card,
        .options = &output->options,
        .request_id = path,
        .pictures = {.arena = output->arena, .pixels_left = SIZE_MAX, .bytes_left = PICTURE_BYTES_MAX}};
    struct json *object = NULL;
    enum status status = STATUS_OK;
    bool pictures =
        output->options.attention == ATTENTION_PNG || output->options.attention == ATTENTION_OVERLAY;
    if (is_json(output) || (pictures && output->folder))
        status = result_prediction(&context, path, prediction, failure, &object);
    const struct json *maps = json_member(object, "attention_maps");
    if (pictures && output->folder)
        for (const struct json *at = json_first(maps); !status && at; at = json_next(at))
            status = write_picture(output, path, at, failure);
    if (!status && is_json(output))
        status = write_json(output, path, object, failure);
    if (!status && !is_json(output))
        status = write_text(output, path, prediction, failure);
    json_destroy(&object);
    if (status)
        failure->status = status;
}

void predict_output_write_failure(struct predict_output *output, const char *path,
                                  const struct prediction *prediction)
{
    struct result_context context = {.card = output->card, .options = &output->options, .request_id = path};
    struct json *object = NULL;
    struct failure ignored; /* standard error has already named the image */
    if (!is_json(output) || output->folder)
        return;
    enum status status = result_prediction(&context, path, prediction, &ignored, &object);
    if (!status)
        status = write_json(output, path, object, &ignored);
    (void)status;
    json_destroy(&object);
}

void predict_output_end(struct predict_output *output)
{
    if (output->format == PREDICT_JSON && !output->folder)
        puts("\n]}");
}
