#include "tests/unit/checkpoint/importing.h"

#include "engine/base/file.h"

#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char folder[] = "/tmp/cxrd-import-XXXXXX";
char *backbone, *head, *labels, *output;
struct failure failure;
char note[IMPORT_NOTE_BYTES];
struct import_head asked;
struct import_options options;
char *published_folder, *weights, *adapter, *published_config, *adapter_config;

void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    backbone = file_join(folder, "backbone.pth");
    head = file_join(folder, "head.pth");
    labels = file_join(folder, "labels.txt");
    output = file_join(folder, "package");
    file_put(labels, "Cardiomegaly\nNodule\n", 20);
    asked = (struct import_head){.name = "findings", .weights = head, .labels = labels};
    options =
        (struct import_options){.backbone = backbone, .output = output, .heads = &asked, .head_count = 1};
    set_image_size(16);
}

void make_package(void)
{
    make_folder();
    sample_backbone(backbone, &SAMPLE_AS_IS);
    options.head_count = 0;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}

void set_image_size(uint32_t side)
{
    options.image_height = options.image_width = side;
}

enum status import_now(void)
{
    return checkpoint_import(&options, NULL, NULL, &failure, note, NULL);
}

void empty(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(path);
}

void remove_folder(void)
{
    empty(output);
    empty(folder);
    ck_assert_int_ne(access(folder, F_OK), 0); /* else a temporary folder was left behind */
    free(backbone);
    free(head);
    free(labels);
    free(output);
}

void make_published(void)
{
    make_folder();
    published_folder = file_join(folder, "published");
    ck_assert_int_eq(mkdir(published_folder, 0777), 0);
    weights = file_join(published_folder, "model.safetensors");
    adapter = file_join(published_folder, "adapter_model.safetensors");
    published_config = file_join(published_folder, "config.json");
    adapter_config = file_join(published_folder, "adapter_config.json");
    options.backbone = published_folder;
    options.head_count = 0;
    set_image_size(0);
}

void remove_published(void)
{
    empty(published_folder);
    free(adapter_config);
    free(published_config);
    free(adapter);
    free(weights);
    free(published_folder);
    remove_folder();
}

void expect(enum status status, const char *sentence)
{
    failure.sentence[0] = '\0';
    ck_assert_int_eq(import_now(), status);
    size_t length = strlen(failure.sentence), tail = strlen(sentence);
    ck_assert_msg(length >= tail && !strcmp(failure.sentence + length - tail, sentence), "%s",
                  failure.sentence);
    ck_assert_int_ne(access(output, F_OK), 0);
}
