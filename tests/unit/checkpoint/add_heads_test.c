/* Heads of published files for a package that is there: which are taken, and that a refusal changes nothing.
 */
#include "engine/base/file.h"
#include "engine/checkpoint/add_heads.h"
#include "engine/package/edit.h"
#include "engine/package/package.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char sha256[SHA256_HEX_BYTES];

static enum status add(const struct import_head *heads, size_t count)
{
    failure.sentence[0] = '\0';
    return checkpoint_add_heads(output, heads, count, NULL, NULL, NULL, &failure, note, sha256);
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *directory = opendir(output);
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Refused with a sentence that ends so; the package is as it was, to the last file. */
static void refused(enum status status, const char *sentence)
{
    struct package *package = NULL;
    const size_t files = count_files();
    ck_assert_int_eq(add(&asked, 1), status);
    size_t length = strlen(failure.sentence), tail = strlen(sentence);
    ck_assert_msg(length >= tail && !strcmp(failure.sentence + length - tail, sentence), "%s",
                  failure.sentence);
    ck_assert_uint_eq(count_files(), files);
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    package_close(&package);
}

/* The head that was added last; the caller closes the package. */
static const struct head_card *open_last(struct package **package)
{
    ck_assert_msg(!package_open(output, &failure, package), "%s", failure.sentence);
    ck_assert_msg(!package_verify(*package, &failure), "%s", failure.sentence);
    const struct model_card *card = package_card(*package);
    ck_assert_str_eq(card->package_sha256, sha256);
    return &card->heads[card->head_count - 1];
}

/* Whole, and nothing has to be said of them. */
static void check_back(const struct package *before, size_t index)
{
    struct package *package = NULL;
    const struct head_card *card = &package_card(before)->heads[index];
    const struct safetensors *tensors = package_head(before, index);
    char *file = file_join(output, card->weights);
    asked = (struct import_head){.name = "back", .weights = file};
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_msg(strstr(note, "Head 'back' is a package's: thresholds"), "%s", note);
    const struct head_card *back = open_last(&package);
    const struct safetensors *again = package_head(package, package_card(package)->head_count - 1);
    ck_assert_uint_eq(safetensors_count(again), safetensors_count(tensors));
    for (size_t i = 0; i < safetensors_count(tensors); i++) {
        const struct tensor *tensor = safetensors_at(tensors, i),
                            *same = safetensors_find(again, tensor->name);
        ck_assert_msg(same && same->size_bytes == tensor->size_bytes, "%s", tensor->name);
        ck_assert_mem_eq(same->data, tensor->data, tensor->size_bytes);
    }
    ck_assert_int_eq(back->type, card->type);
    ck_assert_uint_eq(back->blocks, card->blocks);
    ck_assert_int_eq(back->average_pool, card->average_pool);
    ck_assert_int_eq(back->two_views, card->two_views);
    ck_assert_uint_eq(back->label_count, card->label_count);
    ck_assert_str_eq(back->labels[1].name, card->labels[1].name);
    package_close(&package);
    asked.features = IMPORT_CLASS;
    asked.blocks = 2;
    asked.name = "other";
    ck_assert_int_eq(add(&asked, 1), STATUS_BAD_REQUEST);
    ck_assert_msg(strstr(failure.sentence, "says itself what it reads") ||
                      strstr(failure.sentence, "Its file says features=class,blocks=1,views=2, and --head "
                                               "something else: leave it out."),
                  "%s", failure.sentence);
    free(file);
}

/* As many inputs as two tokens have are of two views one of each. */
START_TEST(a_packages_heads_go_back_as_they_were)
{
    struct package *package = NULL;
    struct import_head both[2] = {asked, asked};
    char *other = file_join(folder, "other.pth");
    struct pth pth;
    pth_begin(&pth, NULL);
    pth_tensor(&pth, "linear.weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
    pth_tensor(&pth, "linear.bias", 1, (size_t[]){2}, 1);
    pth_end(&pth, other);
    sample_glori(head, 2, 2 * WIDTH, _i);
    both[1].name = "pair";
    both[1].weights = other;
    both[1].features = IMPORT_CLASS;
    both[1].views = 2;
    ck_assert_msg(!add(both, 2), "%s", failure.sentence);
    ck_assert_msg(!*note, "%s", note);
    ck_assert_ptr_nonnull(open_last(&package));
    for (size_t i = 0; i < 2; i++) {
        struct package_edit *edit = NULL;
        check_back(package, i);
        ck_assert_msg(!package_edit_begin(output, &failure, &edit), "%s", failure.sentence);
        ck_assert_msg(!package_edit_remove(edit, "back", &failure), "%s", failure.sentence);
        ck_assert_msg(!package_edit_commit(edit, &failure, sha256), "%s", failure.sentence);
        package_edit_end(&edit);
    }
    package_close(&package);
    free(other);
}
END_TEST

START_TEST(heads_of_several_files_join_a_package)
{
    struct package *package = NULL;
    char *other = file_join(folder, "other.pth");
    sample_glori(head, 2, 2 * WIDTH, true);
    sample_linear(other, &SAMPLE_AS_IS);
    struct import_head both[2] = {asked, asked};
    both[1].name = "second";
    both[1].weights = other;
    ck_assert_msg(!add(both, 2), "%s", failure.sentence);
    const struct head_card *last = open_last(&package);
    ck_assert_uint_eq(package_card(package)->head_count, 2);
    ck_assert_int_eq(package_card(package)->heads[0].type, HEAD_GLORI);
    ck_assert_str_eq(last->name, "second");
    ck_assert_int_eq(last->type, HEAD_LINEAR);
    ck_assert_str_eq(last->labels[0].name, "Cardiomegaly");
    /* as the backbone is stored */
    ck_assert_int_eq(safetensors_find(package_head(package, 1), "linear.weight")->type, TENSOR_F16);
    package_close(&package);
    refused(STATUS_BAD_REQUEST, "it has a head 'findings' already: choose another name, or remove that one "
                                "first with cxrd head remove.");
    free(other);
}
END_TEST

#define DINOV2_CANDIDATE "module.classifiers_dict.classifier_2_blocks_avgpool_False_lr_0_01000.linear"

static const struct {
    const char *weight, *bias;
    size_t units;
    uint32_t blocks;
    bool average_pool;
    enum import_features features; /* said of it */
    const char *form;
} forms[] = {
    {"weight", "bias", 2, 1, true, IMPORT_ANY, "DINOv2's linear head"},
    {"classifier.weight", "classifier.bias", 2, 1, true, IMPORT_ANY, "transformers' classifier"},
    {"head.weight", "head.bias", 1, 1, false, IMPORT_CLASS, "timm's head"},
    {"head.weight", "head.bias", 1, 0, true, IMPORT_MEAN, "timm's head"},
    {"linear.weight", "linear.bias", 1, 1, false, IMPORT_CLASS, "the authors' head"},
    {DINOV2_CANDIDATE ".weight", DINOV2_CANDIDATE ".bias", 2, 2, false, IMPORT_ANY, "DINOv2's linear head"},
};

/* `units` times the width wide. */
static void write_linear(size_t form, size_t classes, float scale)
{
    struct pth pth;
    pth_begin(&pth, NULL);
    pth_tensor(&pth, forms[form].weight, 2, (size_t[]){classes, forms[form].units * WIDTH}, scale);
    pth_tensor(&pth, forms[form].bias, 1, (size_t[]){classes}, 1);
    pth_end(&pth, head);
}

START_TEST(every_published_form_is_taken)
{
    struct package *package = NULL;
    struct bytes text;
    write_linear((size_t)_i, 2, 1);
    asked.features = forms[_i].features;
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    const struct head_card *last = open_last(&package);
    ck_assert_int_eq(last->type, HEAD_LINEAR);
    ck_assert_uint_eq(last->blocks, forms[_i].blocks);
    ck_assert_int_eq(last->average_pool, forms[_i].average_pool);
    package_close(&package);
    char *path = file_join(output, "model.json");
    ck_assert_int_eq(file_read(path, 1 << 20, NULL, &text), STATUS_OK);
    ck_assert_ptr_nonnull(memmem(text.data, text.size, forms[_i].form, strlen(forms[_i].form)));
    free((void *)text.data);
    free(path);
}
END_TEST

START_TEST(a_head_with_rows_too_small_for_fp16_stays_fp32)
{
    struct package *package = NULL;
    write_linear(0, 2, 1e-9f);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_str_eq(
        note, "'linear.weight' is stored in fp32, as fp16 has no room for the small values of its rows.");
    (void)open_last(&package);
    ck_assert_int_eq(safetensors_find(package_head(package, 0), "linear.weight")->type, TENSOR_F32);
    package_close(&package);
}
END_TEST

/* Of DINOv2's training there are 52 in one file, of which its results name the best. */
START_TEST(candidates_of_dinov2_are_chosen)
{
    static const char best[] =
        "iter: 12500\n{\"best_classifier\": {\"name\": \"classifier_1_blocks_avgpool_True_lr_0_00200\", "
        "\"accuracy\": 0.8}}\n\n";
    struct package *package = NULL;
    struct pth pth;
    pth_begin(&pth, "model");
    for (size_t i = 0; i < 52; i++) {
        const size_t blocks = i % 2 + 1, pooled = i / 2 % 2;
        const char *prefix =
            arena_format(pth.arena, "classifiers_dict.classifier_%zu_blocks_avgpool_%s_lr_0_%05zu.linear",
                         blocks, pooled ? "True" : "False", 100 * (i / 4 + 1));
        pth_tensor(&pth, arena_format(pth.arena, "%s.weight", prefix), 2,
                   (size_t[]){2, (blocks + pooled) * WIDTH}, 1);
        pth_tensor(&pth, arena_format(pth.arena, "%s.bias", prefix), 1, (size_t[]){2}, 1);
    }
    pth_end(&pth, head);
    ck_assert_int_eq(add(&asked, 1), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence,
                                 "head.pth: Choose one with results=FILE or candidate=KEY of "
                                 "classifier_{1_blocks_avgpool_False_lr_0_00100, "));
    ck_assert_ptr_nonnull(strstr(failure.sentence, " more (cxrd inspect)}."));
    char *results = file_join(folder, "results");
    file_put(results, best, sizeof best - 1);
    asked.results = results;
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    const struct head_card *last = open_last(&package);
    ck_assert(last->blocks == 1 && last->average_pool);
    package_close(&package);
    free(results);
}
END_TEST

/* With its config.json it says what it pools and how many it tells apart. */
START_TEST(timms_folder_says_what_its_head_reads)
{
    static const struct {
        const char *text, *sentence; /* NULL: taken */
        uint32_t blocks;
    } cases[] = {
        {"\"num_classes\": 2, \"global_pool\": \"token\"", NULL, 1},
        {"\"num_classes\": 2, \"global_pool\": \"avg\", \"model_args\": {\"fc_norm\": false}", NULL, 0},
        {"\"num_classes\": 2, \"global_pool\": \"avg\"", "which is not supported.", 0},
        {"\"num_classes\": 2, \"global_pool\": \"map\"", "which is not supported.", 0},
        {"\"num_classes\": 3, \"global_pool\": \"token\"",
         "The configuration says num_classes: 3 but the head has 2: they do not belong together.", 0},
        {"\"num_classes\": 2", "say features=class,blocks=1 or features=mean in --head.", 0},
    };
    char *of_timm = file_join(folder, "timm"), *file = file_join(of_timm, "head.pth"),
         *config = file_join(of_timm, "config.json"), *ours = head;
    ck_assert_int_eq(mkdir(of_timm, 0700), 0);
    head = file;
    write_linear(2, 2, 1);
    head = ours;
    asked.weights = of_timm;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], name[16];
        struct package *package = NULL;
        snprintf(text, sizeof text, "{\"architecture\": \"vit_small_patch14_dinov2\", %s}", cases[i].text);
        snprintf(name, sizeof name, "head%zu", i);
        file_put(config, text, strlen(text));
        asked.name = name;
        enum status status = add(&asked, 1);
        ck_assert_msg(!status == !cases[i].sentence, "%s: %s", text, failure.sentence);
        if (status) {
            ck_assert_msg(strstr(failure.sentence, cases[i].sentence), "%s", failure.sentence);
            continue;
        }
        const struct head_card *last = open_last(&package);
        ck_assert_uint_eq(last->blocks, cases[i].blocks);
        ck_assert_int_eq(last->average_pool, !cases[i].blocks);
        package_close(&package);
    }
    empty(of_timm);
    free(config);
    free(file);
    free(of_timm);
}
END_TEST

/* Each would change what the layer answers. */
START_TEST(nothing_of_a_head_is_dropped)
{
    static const char *const more[] = {"head.norm.weight", "fc_norm.weight", "head_dist.weight"};
    static const char *const sentences[] = {
        "head.pth: Tensor 'head.norm.weight' is no part of a head that this program knows.",
        "head.pth: Tensor 'fc_norm.weight': a LayerNorm behind the pooling, in the place of the last one, is "
        "not "
        "supported.",
        "head.pth: Tensor 'head_dist.weight' is no part of a head that this program knows."};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        struct pth pth;
        pth_begin(&pth, NULL);
        pth_tensor(&pth, "head.weight", 2, (size_t[]){2, WIDTH}, 1);
        pth_tensor(&pth, "head.bias", 1, (size_t[]){2}, 1);
        pth_tensor(&pth, more[i], 1, (size_t[]){WIDTH}, 1);
        pth_end(&pth, head);
        refused(STATUS_INVALID_FILE, sentences[i]);
    }
}
END_TEST

START_TEST(a_choice_among_outputs_is_no_risk_and_needs_labels)
{
    write_linear(1, 2, 1);
    asked.kind = IMPORT_RISK;
    refused(STATUS_BAD_REQUEST,
            "Head 'findings' is transformers' classifier with 2 outputs, of which softmax makes one choice: "
            "they are "
            "no risk scores. Give kind=findings and labels=FILE; each output is then a sigmoid of its own.");
    asked.kind = IMPORT_FINDINGS;
    asked.labels = NULL;
    write_linear(1, 40, 1); /* which are not the 40 of CXR-LT */
    refused(STATUS_BAD_REQUEST, "Head 'findings' has 40 classes: name them with labels=FILE, one a line.");
    write_linear(1, 1, 1);
    asked.kind = IMPORT_RISK;
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
}
END_TEST

START_TEST(what_cannot_be_answered_from_is_refused_before_it_is_written)
{
    write_linear(0, 2, INFINITY);
    refused(STATUS_INVALID_FILE,
            "head.pth: Tensor 'linear.weight' holds a value that is not a finite number.");
    write_linear(0, 2, 1e6f);
    refused(
        STATUS_INVALID_FILE,
        "head.pth: Tensor 'linear.weight' holds -750000, too large for fp16. Import with --precision fp32.");
    write_linear(0, 2, 65520 / 0.75f); /* which rounds to infinity */
    refused(
        STATUS_INVALID_FILE,
        "head.pth: Tensor 'linear.weight' holds -65520, too large for fp16. Import with --precision fp32.");
    write_linear(0, 3, 1);
    refused(STATUS_INVALID_FILE, "labels.txt: it has 2 labels for the 3 classes of head 'findings'.");
    sample_glori(head, 2, 3 * WIDTH, false);
    refused(STATUS_INVALID_FILE,
            "The candidate's name says 2 blocks, but its weights take 3 of width 64: it was "
            "trained on another backbone.");
    sample_backbone(head, &SAMPLE_AS_IS);
    refused(STATUS_INVALID_FILE,
            "head.pth: It holds a backbone and no head that is known here: import takes it as --backbone.");
}
END_TEST

/* Trained together; the package knows by its hash which file its backbone came from. */
START_TEST(a_head_with_a_backbone_goes_with_that_backbone_alone)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    changes.add = "classifiers_dict.x.linear.weight";
    sample_backbone(head, &changes);
    refused(STATUS_INVALID_FILE,
            "head.pth: It holds a backbone, too, which the head was trained with: give this "
            "file as --backbone of cxrd import.");
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_package, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, a_packages_heads_go_back_as_they_were, 0, 2);
    tcase_add_test(all, heads_of_several_files_join_a_package);
    tcase_add_loop_test(all, every_published_form_is_taken, 0, sizeof forms / sizeof *forms);
    tcase_add_test(all, a_head_with_rows_too_small_for_fp16_stays_fp32);
    tcase_add_test(all, candidates_of_dinov2_are_chosen);
    tcase_add_test(all, timms_folder_says_what_its_head_reads);
    tcase_add_test(all, nothing_of_a_head_is_dropped);
    tcase_add_test(all, a_choice_among_outputs_is_no_risk_and_needs_labels);
    tcase_add_test(all, what_cannot_be_answered_from_is_refused_before_it_is_written);
    tcase_add_test(all, a_head_with_a_backbone_goes_with_that_backbone_alone);
    return suite_run("add_heads", all);
}
