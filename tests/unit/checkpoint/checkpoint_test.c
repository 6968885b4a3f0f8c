/* .pth files, whole: what torch.save writes is read, and each other thing has its sentence. */
#include "engine/checkpoint/checkpoint.h"

#include "engine/base/file.h"

#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/cxrd-checkpoint-XXXXXX";
static char *path;
static struct failure failure;
static const float SIX[6] = {0, 1, 2, 3, 4, 5};

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = file_join(folder, "a.pth");
}

static void remove_folder(void)
{
    unlink(path);
    free(path);
    rmdir(folder);
}

/* {"t": a float view of six elements with these strides} */
static struct buffer make_pickle(const size_t shape[2], const size_t strides[2])
{
    struct buffer pickle = {.maximum = 1 << 16};
    pickle_bytes(&pickle, "\x80\x02}", 3);
    pickle_text(&pickle, "t");
    pickle_tensor(&pickle, "FloatStorage", "0", 6, 0, 2, shape, strides);
    pickle_bytes(&pickle, "s.", 2);
    return pickle;
}

enum { ENTRY_PICKLE, ENTRY_ORDER, ENTRY_STORAGE, ENTRY_COUNT };

/* The entries of a good file; the caller finishes *pickle. */
static void good_entries(struct zip_entry entries[ENTRY_COUNT], struct buffer *pickle)
{
    *pickle = make_pickle((size_t[]){2, 3}, (size_t[]){3, 1});
    entries[ENTRY_PICKLE] = (struct zip_entry){.name = "a/data.pkl", .content = {pickle->data, pickle->size}};
    entries[ENTRY_ORDER] =
        (struct zip_entry){.name = "a/byteorder", .content = {(const uint8_t *)"little", 6}};
    entries[ENTRY_STORAGE] =
        (struct zip_entry){.name = "a/data/0", .content = {(const uint8_t *)SIX, sizeof SIX}};
}

static void write_zip(const struct zip_entry *entries, size_t count, bool zip64)
{
    struct buffer zip;
    zip_build(entries, count, zip64, &zip);
    file_put(path, zip.data, zip.size);
    buffer_finish(&zip);
}

/* Opens the file and reads the tensor "t" into out[6]. */
static enum status read_six(float out[6])
{
    struct checkpoint *checkpoint = NULL;
    const struct value *state = NULL;
    struct bytes data;
    enum status status = checkpoint_open(path, &failure, &checkpoint);
    if (status) {
        ck_assert_ptr_null(checkpoint);
        return status;
    }
    status = checkpoint_state(checkpoint, &failure, &state);
    if (!status)
        status = checkpoint_read(checkpoint, value_member(state, "t")->tensor, &failure, &data);
    if (!status) {
        ck_assert_uint_eq(data.size, sizeof SIX);
        memcpy(out, data.data, sizeof SIX);
        free((void *)data.data);
    }
    checkpoint_close(&checkpoint);
    ck_assert_ptr_null(checkpoint);
    return status;
}

/* The sentence, which names the path when opening failed, ends so. */
static void expect_sentence(const char *sentence)
{
    size_t length = strlen(failure.sentence), tail = strlen(sentence);
    ck_assert_uint_ge(length, tail);
    ck_assert_str_eq(failure.sentence + length - tail, sentence);
}

START_TEST(reads_tensors_with_and_without_zip64)
{
    struct buffer pickle;
    struct zip_entry entries[ENTRY_COUNT];
    good_entries(entries, &pickle);
    for (int zip64 = 0; zip64 < 2; zip64++) {
        float values[6] = {0};
        write_zip(entries, ENTRY_COUNT, zip64);
        ck_assert_int_eq(read_six(values), STATUS_OK);
        ck_assert_mem_eq(values, SIX, sizeof SIX);
    }
    buffer_finish(&pickle);
}
END_TEST

START_TEST(gathers_views)
{
    struct buffer pickle = make_pickle((size_t[]){3, 2}, (size_t[]){1, 3}); /* [2, 3] transposed */
    struct zip_entry entries[] = {
        {.name = "a/data.pkl", .content = {pickle.data, pickle.size}},
        {.name = "a/data/0", .content = {(const uint8_t *)SIX, sizeof SIX}},
    };
    const float transposed[6] = {0, 3, 1, 4, 2, 5};
    float values[6] = {0};
    write_zip(entries, 2, false);
    ck_assert_int_eq(read_six(values), STATUS_OK);
    ck_assert_mem_eq(values, transposed, sizeof transposed);
    buffer_finish(&pickle);
}
END_TEST

START_TEST(a_malicious_pickle_runs_nothing_and_is_named)
{
    char *mark = file_join(folder, "ran");
    struct buffer evil = {.maximum = 1 << 16};
    char command[256];
    snprintf(command, sizeof command, "touch %s", mark);
    pickle_bytes(&evil, "\x80\x02", 2);
    pickle_bytes(&evil, "cos\nsystem\n(", 12);
    pickle_text(&evil, command);
    pickle_bytes(&evil, "tR.", 3);
    struct zip_entry entry = {.name = "a/data.pkl", .content = {evil.data, evil.size}};
    float values[6];
    write_zip(&entry, 1, false);
    ck_assert_int_eq(read_six(values), STATUS_INVALID_FILE);
    ck_assert_str_eq(
        failure.sentence,
        "Where the state dict should be, the file holds an object made by 'os.system', which this "
        "program neither knows nor runs. Do not load the file in PyTorch unless you trust its source.");
    ck_assert_int_ne(access(mark, F_OK), 0);
    buffer_finish(&evil);
    free(mark);
}
END_TEST

START_TEST(each_wrong_entry_has_its_sentence)
{
    static const char *const sentences[] = {
        "Entry 'data.pkl' is compressed, which torch.save never does. Unpack the archive and pack it again "
        "without "
        "compression (zip -0).",
        "Entry 'data/0' is compressed, which torch.save never does. Unpack the archive and pack it again "
        "without "
        "compression (zip -0).",
        "Entry 'data/0' is truncated or damaged. Copy or download the file again.",
        "Entry 'data/0' is missing.",
        "Storage '0' has 20 bytes where 6 elements of 4 bytes are needed.",
        "It was written on a big-endian machine. Save it again on a little-endian one.",
        "It is a zip archive without a data.pkl, so torch.save did not write it.",
        "It holds more than one data.pkl.",
    };
    struct buffer pickle;
    struct zip_entry entries[ENTRY_COUNT];
    size_t count = ENTRY_COUNT;
    good_entries(entries, &pickle);
    switch (_i) {
    case 0:
        entries[ENTRY_PICKLE].deflated = true;
        break;
    case 1:
        entries[ENTRY_STORAGE].deflated = true;
        break;
    case 2:
        entries[ENTRY_STORAGE].damaged = true;
        break;
    case 3:
        count = ENTRY_STORAGE;
        break;
    case 4:
        entries[ENTRY_STORAGE].content.size = 20;
        break;
    case 5:
        entries[ENTRY_ORDER].content = (struct bytes){(const uint8_t *)"big", 3};
        break;
    case 6:
        entries[ENTRY_PICKLE].name = "a/b/data.pkl";
        break;
    case 7:
        entries[ENTRY_ORDER].name = "b/data.pkl";
        break;
    }
    float values[6];
    write_zip(entries, count, false);
    ck_assert_int_eq(read_six(values), STATUS_INVALID_FILE);
    expect_sentence(sentences[_i]);
    buffer_finish(&pickle);
}
END_TEST

START_TEST(other_files_are_told_apart)
{
    static const struct {
        const char *content;
        size_t size;
        const char *sentence;
    } files[] = {
        {"", 0, "It is empty. Copy or download it again."},
        {"\x89PNG\r\n", 6,
         "It is of no kind that this program knows. This program reads files of torch.save, safetensors, and "
         "folders "
         "that hold them."},
        {"\x80\x02\x8a\nl\xfc\x9c", 7,
         "It is in the format of PyTorch before 1.6. Save it again with a newer PyTorch: "
         "torch.save(torch.load(FILE, map_location='cpu'), NEW_FILE)."},
        {"PK\x03\x04", 4,
         "It begins as a .pth file but its end is missing or damaged: it is truncated. Copy or download it "
         "again."},
    };
    float values[6];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        file_put(path, files[i].content, files[i].size);
        ck_assert_int_eq(read_six(values), STATUS_INVALID_FILE);
        ck_assert_int_eq(strncmp(failure.sentence, path, strlen(path)), 0);
        expect_sentence(files[i].sentence);
    }
    unlink(path);
    ck_assert_int_eq(read_six(values), STATUS_NOT_FOUND);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct buffer pickle, zip;
    struct zip_entry entries[ENTRY_COUNT];
    good_entries(entries, &pickle);
    zip_build(entries, ENTRY_COUNT, false, &zip);
    for (size_t size = 4; size < zip.size; size += 7) {
        float values[6];
        file_put(path, zip.data, size);
        ck_assert_int_eq(read_six(values), STATUS_INVALID_FILE);
        expect_sentence(
            "It begins as a .pth file but its end is missing or damaged: it is truncated. Copy or download "
            "it again.");
    }
    buffer_finish(&zip);
    buffer_finish(&pickle);
}
END_TEST

START_TEST(unwraps_state_dicts)
{
    static const char *const wrappers[] = {"teacher", "model", "state_dict", NULL};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        struct pth pth;
        struct checkpoint *checkpoint = NULL;
        const struct value *state = NULL;
        pth_begin(&pth, wrappers[i]);
        pth_tensor(&pth, "x", 1, (size_t[]){3}, 1);
        pth_end(&pth, path);
        ck_assert_int_eq(checkpoint_open(path, &failure, &checkpoint), STATUS_OK);
        ck_assert_int_eq(checkpoint_state(checkpoint, &failure, &state), STATUS_OK);
        ck_assert_ptr_nonnull(value_member(state, "x"));
        checkpoint_close(&checkpoint);
    }
}
END_TEST

struct seen {
    char paths[4][64];
    size_t count;
};

static void note(void *context, const char *name, const struct stored_tensor *tensor)
{
    struct seen *seen = context;
    ck_assert_uint_eq(tensor->elements, 6);
    ck_assert_uint_lt(seen->count, 4);
    snprintf(seen->paths[seen->count++], 64, "%s", name);
}

START_TEST(walks_the_tree_and_cuts_circles)
{
    struct buffer pickle = {.maximum = 1 << 16};
    struct checkpoint *checkpoint = NULL;
    struct seen seen = {0};
    /* {"model": {"t": tensor}, 7: [tensor], "self": itself} */
    pickle_bytes(&pickle, "\x80\x02}q\x00", 5);
    pickle_text(&pickle, "model");
    pickle_bytes(&pickle, "}", 1);
    pickle_text(&pickle, "t");
    pickle_tensor(&pickle, "FloatStorage", "0", 6, 0, 2, (size_t[]){2, 3}, (size_t[]){3, 1});
    pickle_bytes(&pickle, "ssK\x07]", 5);
    pickle_tensor(&pickle, "FloatStorage", "0", 6, 0, 2, (size_t[]){2, 3}, (size_t[]){3, 1});
    pickle_bytes(&pickle, "as.", 3);
    struct zip_entry entry = {.name = "a/data.pkl", .content = {pickle.data, pickle.size}};
    write_zip(&entry, 1, false);
    ck_assert_int_eq(checkpoint_open(path, &failure, &checkpoint), STATUS_OK);
    ck_assert(value_walk(checkpoint_root(checkpoint), note, &seen));
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_str_eq(seen.paths[0], "model.t");
    ck_assert_str_eq(seen.paths[1], "7.0");
    checkpoint_close(&checkpoint);
    buffer_finish(&pickle);

    entry.content = (struct bytes){(const uint8_t *)"\x80\x02]q\x00(h\x00h\x00h\x00h\x00"
                                                    "e.",
                                   16};
    write_zip(&entry, 1, false);
    ck_assert_int_eq(checkpoint_open(path, &failure, &checkpoint), STATUS_OK);
    ck_assert(!value_walk(checkpoint_root(checkpoint), note, &seen));
    checkpoint_close(&checkpoint);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, reads_tensors_with_and_without_zip64);
    tcase_add_test(all, gathers_views);
    tcase_add_test(all, a_malicious_pickle_runs_nothing_and_is_named);
    tcase_add_loop_test(all, each_wrong_entry_has_its_sentence, 0, 8);
    tcase_add_test(all, other_files_are_told_apart);
    tcase_add_test(all, every_truncation_is_refused);
    tcase_add_test(all, unwraps_state_dicts);
    tcase_add_test(all, walks_the_tree_and_cuts_circles);
    return suite_run("checkpoint", all);
}
