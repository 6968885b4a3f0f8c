#include "engine/package/edit.h"

#include "engine/base/file.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "engine/package/sums.h"
#include "engine/weights/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct package_edit {
    const char *folder; /* in the arena, as all texts */
    struct arena *arena;
    int lock; /* of the folder; -1: none */
    struct package *package;
    struct json *root; /* model.json as it becomes */
    const char **made; /* [made_count]: paths of files that are written for it */
    size_t made_count;
    bool committed;
};

/* Two at once would each lose what the other did. */
static enum status lock_folder(struct package_edit *edit, struct failure *failure)
{
    edit->lock = open(edit->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (edit->lock < 0 && errno == ENOTDIR)
        return STATUS_OK; /* package_open says what it is */
    if (edit->lock < 0)
        return failure_set(failure, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_INVALID_FILE, "%s: %s.",
                           edit->folder, strerror(errno));
    if (flock(edit->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s: another process is changing this package; try again when it is done.",
                           edit->folder);
    return STATUS_OK; /* also where a file system has no locks */
}

/* Warns of files that a change which was killed has left; nobody else is at one. */
static void warn_of_rest(const struct package_edit *edit)
{
    char *left = file_left_behind(edit->folder, true);
    if (left)
        log_message(LOG_WARNING, "%s is what a run that was killed has left; delete it.", left);
    free(left);
    DIR *directory = opendir(edit->folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (text_stem(entry->d_name, SAFETENSORS_ENDING) &&
            !card_names_weights(package_card(edit->package), entry->d_name))
            log_message(LOG_WARNING,
                        "%s/%s: nothing in the package uses this file, which a run that was killed may "
                        "have left.",
                        edit->folder, entry->d_name);
    }
    if (directory)
        closedir(directory);
}

/* Reads the model.json that the package was opened with. */
static enum status read_document(struct package_edit *edit, struct failure *failure)
{
    struct bytes text = {0};
    char hash[SHA256_HEX_BYTES];
    enum status status = card_file_read(edit->folder, failure, &text);
    if (!status)
        status = sums_check(edit->folder, package_card(edit->package), text, failure, hash);
    if (!status)
        status = card_parse(text, failure, &edit->root);
    free((void *)text.data);
    return status;
}

enum status package_edit_begin(const char *folder, struct failure *failure, struct package_edit **out)
{
    struct package_edit *edit = memory_allocate(1, sizeof *edit);
    edit->arena = arena_create();
    edit->folder = arena_copy_text(edit->arena, folder, strlen(folder));
    enum status status = lock_folder(edit, failure);
    if (!status)
        status = package_open(folder, failure, &edit->package);
    if (!status)
        status = package_verify(edit->package, failure);
    if (!status)
        status = read_document(edit, failure);
    if (!status)
        warn_of_rest(edit);
    if (status)
        package_edit_end(&edit);
    else
        *out = edit;
    return status;
}

void package_edit_end(struct package_edit **handle)
{
    struct package_edit *edit = handle ? *handle : NULL;
    if (!edit)
        return;
    for (size_t i = 0; i < edit->made_count && !edit->committed; i++)
        unlink(edit->made[i]);
    free(edit->made);
    json_destroy(&edit->root);
    package_close(&edit->package);
    if (edit->lock >= 0)
        close(edit->lock);
    arena_destroy(&edit->arena);
    free(edit);
    *handle = NULL;
}

const struct package *package_edit_package(const struct package_edit *edit)
{
    return edit->package;
}

const char *package_edit_source(const struct package_edit *edit, const char *member)
{
    return json_text(json_member(json_member(json_member(edit->root, "provenance"), "backbone"), member));
}

const char *package_free_file(struct arena *arena, const char *folder, const char *stem, const char **file)
{
    const char *path = NULL;
    for (unsigned number = 1; !path || access(path, F_OK) == 0; number++) {
        *file = number == 1 ? arena_format(arena, "%s.safetensors", stem)
                            : arena_format(arena, "%s.%u.safetensors", stem, number);
        path = arena_format(arena, "%s/%s", folder, *file);
    }
    return path;
}

const char *package_edit_file(struct package_edit *edit, const char *head, const char **file)
{
    const char *path =
        package_free_file(edit->arena, edit->folder, arena_format(edit->arena, "head.%s", head), file);
    edit->made = memory_resize(edit->made, edit->made_count + 1, sizeof *edit->made);
    edit->made[edit->made_count++] = path;
    return path;
}

static struct json *heads_of(const struct package_edit *edit)
{
    return (struct json *)json_member(edit->root, "heads");
}

static const char *text_of(const struct json *object, const char *member)
{
    const char *text = json_text(json_member(object, member));
    return text ? text : "";
}

/* The head of that name and its number; NULL when there is none. */
static const struct json *find_head(const struct package_edit *edit, const char *name, size_t *number)
{
    *number = 0;
    const struct json *at = json_first(heads_of(edit));
    for (; at && strcmp(text_of(at, "name"), name); at = json_next(at))
        ++*number;
    return at;
}

/* "a, b": as many names as fit. */
static void list_heads(const struct package_edit *edit, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (const struct json *at = json_first(heads_of(edit)); at && used < size; at = json_next(at))
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", text_of(at, "name"));
}

/* The member of an object, made where there is none; NULL where something else is in the way. */
static struct json *object_in(struct json *object, const char *name)
{
    const struct json *member = json_member(object, name);
    if (!member)
        return json_add(object, name, json_object());
    return json_is_object(member) ? (struct json *)member : NULL;
}

static struct json *sources_of(struct package_edit *edit)
{
    struct json *provenance = object_in(edit->root, "provenance");
    return provenance ? object_in(provenance, "heads") : NULL;
}

enum status package_edit_add(struct package_edit *edit, const struct head_card *head, struct json *source,
                             struct failure *failure)
{
    size_t number;
    struct json *sources = sources_of(edit);
    if (find_head(edit, head->name, &number)) {
        json_destroy(&source);
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%s: it has a head '%s' already: choose another name, or remove that one first "
                           "with cxrd head remove.",
                           edit->folder, head->name);
    }
    json_append(heads_of(edit), card_head_json(head));
    package_edit_hash(edit, head->weights, head->sha256);
    if (sources)
        json_set(sources, head->name, source);
    else
        json_destroy(&source);
    return STATUS_OK;
}

void package_edit_hash(struct package_edit *edit, const char *file, const char sha256[SHA256_HEX_BYTES])
{
    json_set((struct json *)json_member(edit->root, "weights_sha256"), file, json_text_value(sha256));
}

static bool is_used(const struct package_edit *edit, const char *file)
{
    bool used = !strcmp(text_of(json_member(edit->root, "backbone"), "weights"), file);
    for (const struct json *at = json_first(heads_of(edit)); at && !used; at = json_next(at))
        used = !strcmp(text_of(at, "weights"), file);
    return used;
}

enum status package_edit_remove(struct package_edit *edit, const char *head, struct failure *failure)
{
    size_t number;
    char list[FAILURE_SENTENCE_BYTES / 2];
    const struct json *found = find_head(edit, head, &number);
    if (!found) {
        list_heads(edit, list, sizeof list);
        return failure_set(failure, STATUS_BAD_REQUEST, "%s: it has no head '%.64s'; there %s%s.",
                           edit->folder, head, *list ? "are: " : "are none", list);
    }
    char *file = memory_copy_text(text_of(found, "weights"));
    json_remove_at(heads_of(edit), number);
    if (!is_used(edit, file))
        json_remove((struct json *)json_member(edit->root, "weights_sha256"), file);
    json_remove((struct json *)json_member(json_member(edit->root, "provenance"), "heads"), head);
    free(file);
    return STATUS_OK;
}

enum status package_edit_check(const struct package_edit *edit, struct failure *failure)
{
    struct arena *arena = arena_create();
    struct model_card card;
    enum status status = card_read(edit->root, arena, failure, &card);
    arena_destroy(&arena);
    return status ? failure_prefix(failure, "%s/" CARD_FILE, edit->folder) : STATUS_OK;
}

/* Who has them open keeps them. */
static void remove_unused(const struct package_edit *edit)
{
    const struct model_card *before = package_card(edit->package);
    for (size_t i = 0; i < before->head_count; i++) {
        char *path = file_join(edit->folder, before->heads[i].weights);
        if (!is_used(edit, before->heads[i].weights))
            unlink(path);
        free(path);
    }
}

static enum status write_both(struct package_edit *edit, struct bytes model_json, struct bytes sums,
                              struct failure *failure)
{
    char *card_path = file_join(edit->folder, CARD_FILE), *sums_path = file_join(edit->folder, SUMS_FILE);
    enum status status = file_write(card_path, model_json, failure);
    edit->committed = !status;
    if (!status) {
        status = file_write(sums_path, sums, failure);
        if (status)
            failure_prefix(failure, "The change is made but not sealed, which cxrd inspect --seal does");
    }
    free(sums_path);
    free(card_path);
    return status;
}

enum status package_edit_commit(struct package_edit *edit, struct failure *failure,
                                char out[SHA256_HEX_BYTES])
{
    struct arena *arena = arena_create();
    struct model_card card;
    enum status status = card_read(edit->root, arena, failure, &card);
    if (!status) {
        char *text = card_print(edit->root);
        const struct bytes model_json = {(const uint8_t *)text, strlen(text)};
        char *sums = sums_print(&card, model_json);
        const struct bytes sums_text = {(const uint8_t *)sums, strlen(sums)};
        status = write_both(edit, model_json, sums_text, failure);
        if (!status)
            sha256_hex(sums_text, out);
        free(sums);
        free(text);
    }
    if (!status) {
        file_sync_folder(edit->folder); /* else the old model.json may come back without its files */
        remove_unused(edit);
    }
    arena_destroy(&arena);
    return status;
}
