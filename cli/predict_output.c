#include "cli/predict_output.h"

#include "api/base64.h"
#include "api/result.h"
#include "cli/label_names.h"
#include "cli/places.h"
#include "cli/predict_text.h"
#include "engine/base/file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const format_names[] = {
    [PREDICT_TABLE] = "table", [PREDICT_JSON] = "json", [PREDICT_JSONL] = "jsonl", [PREDICT_CSV] = "csv"};
static_assert(sizeof format_names / sizeof *format_names == PREDICT_FORMATS, "a name a format");
static const size_t PICTURE_BYTES_MAX = (size_t)1 << 30;

bool predict_format_read(const char *name, enum predict_format *out)
{
    for (size_t i = 0; i < PREDICT_FORMATS; i++)
        if (!strcmp(name, format_names[i])) {
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
        predict_write_csv_head(stdout, &output->options);
    if (output->format == PREDICT_JSON) {
        struct json *model = result_model(output->card);
        char *text = json_print(model, false);
        printf("{\"model\":%s,\n\"predictions\":[", text);
        free(text);
        json_destroy(&model);
    }
}

static enum status make_folder(const char *path, struct failure *failure)
{
    struct stat info;
    int made = mkdir(path, 0777);
    if (made && errno == EEXIST && !stat(path, &info) && !S_ISDIR(info.st_mode))
        errno = ENOTDIR;
    if (made && errno != EEXIST)
        return failure_set(failure, STATUS_INVALID_FILE, "%s: the folder cannot be made: %s.", path,
                           strerror(errno));
    return STATUS_OK;
}

/* What a result's name ends with, behind its place and a dot. */
static const char *text_ending(const struct predict_output *output)
{
    return is_json(output) ? "json" : output->format == PREDICT_CSV ? "csv" : "txt";
}

/* Before any work: that each file will find its place. */
static enum status check_places(const struct predict_output *output, struct arena *arena,
                                const struct inputs *inputs, struct failure *failure)
{
    const size_t labels = options_draw(&output->options) ? options_label_count(output->card) : 0;
    const char **endings = arena_allocate(arena, labels + 1, sizeof *endings);
    endings[0] = text_ending(output);
    for (size_t i = 0; i < labels; i++)
        endings[i + 1] = arena_format(arena, "%s.png", output->label_names[i]);
    const struct results results = {output->folder, endings, labels + 1,
                                    pairing_images(output->options.pairing)};
    return places_check_results(inputs, &results, failure);
}

/* What was asked for of maps has a place, or is refused: nothing asked for is left out without a word. */
static enum status check_attention(const struct predict_output *output, const struct option_list *choices,
                                   struct failure *failure)
{
    const struct options *options = &output->options;
    const bool asked = option_find(choices, "attention"), chosen = option_find(choices, "attention_for");
    if (options->attention == ATTENTION_NONE)
        return STATUS_OK;
    if ((asked || chosen) && !options_map_count(options, output->card))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "No head that is asked for has attention maps, which GLoRI heads have and linear "
                           "ones do not: leave --attention and --attention-for out.");
    if ((asked || chosen) && !is_json(output) && !options_draw(options))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s have no place in this form: give --format json or jsonl.",
                           options->attention == ATTENTION_GRID ? "Grids" : "Contours");
    if (!is_json(output) && !output->folder && options_draw(options))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "Pictures have no place in this form: give --output DIR, or --format json or jsonl.");
    return STATUS_OK;
}

enum status predict_output_begin(struct predict_output *output, struct arena *arena,
                                 const struct model_card *card, const struct option_list *choices,
                                 const struct inputs *inputs, struct failure *failure)
{
    output->card = card;
    output->label_names = label_names(arena, card);
    enum status status = options_resolve(arena, card, choices, failure, &output->options);
    if (!status)
        status = check_attention(output, choices, failure);
    if (!status && output->options.image.uids && !is_json(output))
        status = failure_set(failure, STATUS_BAD_REQUEST,
                             "UIDs have no place in this form: give --format json or jsonl.");
    if (!status && output->folder)
        status = check_places(output, arena, inputs, failure);
    if (!status && output->folder)
        status = make_folder(output->folder, failure);
    if (status)
        return status;
    if (!is_json(output) && output->options.attention == ATTENTION_GRID)
        output->options.attention = ATTENTION_NONE; /* a table has no place for it */
    write_opening(output);
    return STATUS_OK;
}

bool predict_output_resumes(const struct predict_output *output)
{
    return output->folder && is_json(output);
}

/* "FOLDER/PLACE.ENDING"; the caller frees it. */
static char *path_of(const struct predict_output *output, const struct input *input, const char *ending)
{
    size_t size = strlen(output->folder) + strlen(input->place) + strlen(ending) + 3;
    char *path = memory_allocate(size, 1);
    snprintf(path, size, "%s/%s.%s", output->folder, input->place, ending);
    return path;
}

char *predict_output_path(const struct predict_output *output, const struct input *input)
{
    return path_of(output, input, text_ending(output));
}

/* Writes "FOLDER/PLACE.ENDING" and makes the folders it lies in. */
static enum status write_file(const struct predict_output *output, const struct input *input,
                              const char *ending, struct bytes content, struct failure *failure)
{
    char *path = path_of(output, input, ending);
    enum status status = STATUS_OK;
    for (char *at = path + strlen(output->folder) + 1; !status && (at = strchr(at, '/')); at++) {
        *at = '\0';
        status = make_folder(path, failure);
        *at = '/';
    }
    if (!status)
        status = file_write(path, content, failure);
    free(path);
    return status;
}

/* The number through all heads of the label a map is of; maps come in that order, so it is after `last`. */
static size_t label_number(const struct model_card *card, const struct json *map, size_t last)
{
    const char *head = json_text(json_member(map, "head")), *label = json_text(json_member(map, "label"));
    size_t number = 0;
    for (size_t i = 0; i < card->head_count; i++)
        for (size_t k = 0; k < card->heads[i].label_count; k++, number++)
            if (number >= last && !strcmp(card->heads[i].name, head) &&
                !strcmp(card->heads[i].labels[k].name, label))
                return number;
    return 0;
}

/* Writes the base64 pictures of a prediction's maps as "PLACE.LABEL.png". */
static enum status write_pictures(const struct predict_output *output, struct arena *arena,
                                  const struct input *input, const struct json *maps, struct failure *failure)
{
    enum status status = STATUS_OK;
    size_t number = 0;
    for (const struct json *map = json_first(maps); map && !status; map = json_next(map), number++) {
        const char *text = json_text(json_member(map, "png"));
        struct bytes picture;
        number = label_number(output->card, map, number);
        status = base64_decode(arena, text, strlen(text), failure, &picture);
        if (!status)
            status = write_file(output, input, arena_format(arena, "%s.png", output->label_names[number]),
                                picture, failure);
    }
    return status;
}

/* What stands alone says which model it is of; in one document all share the model's. */
static enum status write_json(struct predict_output *output, const struct input *input, struct json *object,
                              struct failure *failure)
{
    enum status status = STATUS_OK;
    if (output->folder || output->format == PREDICT_JSONL)
        json_add(object, "model", result_model(output->card));
    char *text = json_print(object, output->folder != NULL);
    if (output->folder)
        status = write_file(output, input, text_ending(output), (struct bytes){(uint8_t *)text, strlen(text)},
                            failure);
    else if (output->format == PREDICT_JSONL)
        puts(text);
    else
        printf("%s%s", output->written ? ",\n" : "\n", text);
    output->written++;
    free(text);
    return status;
}

/* Tables and CSV, to standard output or to a file of the image's own. */
static enum status write_text(struct predict_output *output, const struct input *input,
                              const char *const *ids, const struct prediction *prediction,
                              struct failure *failure)
{
    char *text = NULL;
    size_t size = 0;
    bool csv = output->format == PREDICT_CSV;
    FILE *out = output->folder ? open_memstream(&text, &size) : stdout;
    if (output->folder && csv)
        predict_write_csv_head(out, &output->options);
    if (csv)
        predict_write_csv(out, output->card, &output->options, ids, prediction);
    else
        predict_write_table(out, &output->options, ids, prediction);
    if (!output->folder)
        return STATUS_OK;
    fclose(out);
    enum status status =
        write_file(output, input, text_ending(output), (struct bytes){(uint8_t *)text, size}, failure);
    free(text);
    return status;
}

/* What the answer was made with, and of which files. */
static void add_record(const struct predict_output *output, const struct chunk_file *files,
                       const struct prediction *prediction, struct json *object)
{
    record_add_run(json_add(object, "run", json_object()), output->facts);
    struct json *list = json_add(object, "files", json_array());
    for (size_t i = 0; i < pairing_images(output->options.pairing) && !prediction->failure.status; i++)
        record_add_file(json_append(list, json_object()), &files[i]);
}

static enum status write_result(struct predict_output *output, struct arena *arena, const struct input *input,
                                const struct chunk_file *files, const struct prediction *prediction,
                                struct failure *failure)
{
    const size_t views = pairing_images(output->options.pairing);
    const char *ids[2] = {text_escape(arena, input->path),
                          views > 1 ? text_escape(arena, input[1].path) : NULL};
    struct result_context context = {
        .card = output->card,
        .options = &output->options,
        .request_id = ids[0],
        .pictures = {.arena = arena, .pixels_left = SIZE_MAX, .bytes_left = PICTURE_BYTES_MAX}};
    struct json *object = NULL;
    bool pictures = output->folder && options_draw(&output->options);
    enum status status = STATUS_OK;
    if (is_json(output) || pictures)
        status = result_prediction(&context, ids, prediction, failure, &object);
    if (!status && pictures)
        status = write_pictures(output, arena, input, json_member(object, "attention_maps"), failure);
    if (!status && predict_output_resumes(output))
        add_record(output, files, prediction, object);
    if (!status && is_json(output))
        status = write_json(output, input, object, failure);
    else if (!status)
        status = write_text(output, input, ids, prediction, failure);
    json_destroy(&object);
    return status;
}

enum status predict_output_write(struct predict_output *output, const struct input *input,
                                 const struct chunk_file *files, const struct prediction *prediction,
                                 struct failure *failure)
{
    struct arena *arena = arena_create(); /* what an image takes ends with it */
    enum status status = write_result(output, arena, input, files, prediction, failure);
    arena_destroy(&arena);
    return status;
}

void predict_output_end(struct predict_output *output)
{
    if (output->format == PREDICT_JSON && !output->folder)
        puts("\n]}");
}
