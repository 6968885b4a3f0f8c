/* Where the labels of a head come from, and which others are refused. */
#include "engine/base/file.h"
#include "engine/checkpoint/add_heads.h"
#include "engine/package/package.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum status add(const struct import_head *heads, size_t count)
{
    char sha256[SHA256_HEX_BYTES];
    return checkpoint_add_heads(output, heads, count, NULL, NULL, NULL, &failure, note, sha256);
}

static void refused(const char *sentence)
{
    ck_assert_int_eq(add(&asked, 1), STATUS_INVALID_FILE);
    ck_assert_msg(strstr(failure.sentence, sentence), "%s", failure.sentence);
}

/* The head that was added last; the caller closes the package. */
static const struct head_card *open_last(struct package **package)
{
    ck_assert_msg(!package_open(output, &failure, package), "%s", failure.sentence);
    const struct model_card *card = package_card(*package);
    return &card->heads[card->head_count - 1];
}

/* Transformers' classifier of two outputs. */
static void write_linear(void)
{
    struct pth pth;
    pth_begin(&pth, NULL);
    pth_tensor(&pth, "classifier.weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
    pth_tensor(&pth, "classifier.bias", 1, (size_t[]){2}, 1);
    pth_end(&pth, head);
}

/* The names are in config.json, whatever lies beside it. */
START_TEST(labels_are_read_past_a_config_yaml)
{
    static const char yaml[] = "student: {patch_size: 8}\n",
                      json[] = "{\"id2label\": {\"0\": \"Mass\", \"1\": \"Nodule\"}}";
    struct package *package = NULL;
    char *beside = file_join(folder, "hf"), *file = file_join(beside, "model.pth"), *ours = head,
         *first = file_join(beside, "config.yaml"), *second = file_join(beside, "config.json");
    ck_assert_int_eq(mkdir(beside, 0700), 0);
    head = file;
    write_linear();
    head = ours;
    file_put(first, yaml, sizeof yaml - 1);
    file_put(second, json, sizeof json - 1);
    asked.weights = beside;
    asked.labels = NULL;
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_str_eq(open_last(&package)->labels[0].name, "Mass");
    package_close(&package);
    empty(beside);
    free(first);
    free(second);
    free(file);
    free(beside);
}
END_TEST

/* Of the same names in another order every score would be another finding's. */
START_TEST(labels_in_another_order_than_the_configurations_are_refused)
{
    static const char json[] = "{\"id2label\": {\"0\": \"Mass\", \"1\": \"Nodule\"}}";
    char *beside = file_join(folder, "hf"), *file = file_join(beside, "model.pth"), *ours = head,
         *config = file_join(beside, "config.json");
    ck_assert_int_eq(mkdir(beside, 0700), 0);
    head = file;
    write_linear();
    head = ours;
    file_put(config, json, sizeof json - 1);
    asked.weights = beside;
    file_put(labels, "Nodule\nmass\n", 12);
    ck_assert_int_eq(add(&asked, 1), STATUS_INVALID_FILE);
    ck_assert_msg(strstr(failure.sentence,
                         "labels.txt: it names labels of the id2label of config.json at other places: "
                         "give them in that order, or leave labels= out."),
                  "%s", failure.sentence);
    file_put(labels, "Edema\nMass\n", 11); /* one renamed, the other not where its weights are */
    ck_assert_int_eq(add(&asked, 1), STATUS_INVALID_FILE);
    asked.weights = file; /* beside the file that is named it says the same */
    ck_assert_int_eq(add(&asked, 1), STATUS_INVALID_FILE);
    asked.weights = beside;
    file_put(labels, "Mass\nNodule\n", 12);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_msg(!strstr(note, "other labels"), "%s", note);
    asked.name = "second";
    file_put(labels, "Mass\nEdema\n", 11);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_msg(strstr(note, "Head 'second' has other labels than the id2label of its config.json."), "%s",
                  note);
    empty(beside);
    free(config);
    free(file);
    free(beside);
}
END_TEST

/* A package's head says which labels its outputs were trained on, and takes no others. */
START_TEST(labels_of_a_packages_head_stay)
{
    struct package *package = NULL;
    write_linear();
    file_put(labels, "Mass\nNodule\n", 12);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    char *file = file_join(output, open_last(&package)->weights);
    package_close(&package);
    asked.name = "second";
    asked.weights = file;
    asked.features = IMPORT_ANY;
    asked.labels = NULL;
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_str_eq(open_last(&package)->labels[1].name, "Nodule");
    package_close(&package);
    asked.name = "third";
    asked.labels = labels;
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    file_put(labels, "Nodule\nMass\n", 12);
    refused("was made for a package and says that this output is 'Mass': leave labels= out.");
    file_put(labels, "Mass\nEdema\n", 11);
    refused("was made for a package and says that this output is 'Nodule': leave labels= out.");
    free(file);
}
END_TEST

/* What a config.json says of how the classifier beside it was trained, and by which version. */
START_TEST(a_classifiers_configuration_is_followed)
{
    static const struct {
        const char *text, *note, *sentence; /* NULL: none */
    } cases[] = {
        {"{}", NULL, NULL},
        {"{\"problem_type\": \"multi_label_classification\", \"transformers_version\": \"4.52.0\"}", NULL,
         NULL},
        {"{\"problem_type\": \"single_label_classification\"}",
         "was trained as one choice among its labels, by softmax; here each label is judged for itself, by "
         "the "
         "sigmoid of its logit.",
         NULL},
        {"{\"transformers_version\": \"4.51.3\"}",
         "was saved by a transformers of 4.48 to 4.51, whose mean patch token takes the registers in; here "
         "it "
         "does not, as since 4.52.",
         NULL},
        {"{\"transformers_version\": \"4.48.0\"}", "was saved by a transformers of 4.48 to 4.51", NULL},
        {"{\"transformers_version\": \"4.47.1\"}", NULL, NULL},
        {"{\"problem_type\": \"regression\"}", NULL,
         "config.json: the classifier was trained by regression (problem_type): its outputs are values of "
         "their "
         "own, of which no probability can be made."},
    };
    char *config = file_join(folder, "config.json");
    write_linear();
    file_put(labels, "Mass\nNodule\n", 12);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[8];
        snprintf(name, sizeof name, "h%zu", i);
        asked.name = name;
        file_put(config, cases[i].text, strlen(cases[i].text));
        if (cases[i].sentence) {
            refused(cases[i].sentence);
            continue;
        }
        ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
        ck_assert_msg(cases[i].note ? strstr(note, cases[i].note) != NULL : !*note, "%zu: %s", i, note);
    }
    free(config);
}
END_TEST

/* Somebody's layer beside another's classifier has not its labels. */
START_TEST(a_configuration_names_its_own_classifier_alone)
{
    static const char json[] = "{\"id2label\": {\"0\": \"Mass\", \"1\": \"Nodule\"}}";
    char *config = file_join(folder, "config.json");
    static const char *const names[] = {"weight", "linear.weight", "classifier.weight"};
    file_put(config, json, sizeof json - 1);
    asked.labels = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct pth pth;
        char bias[32];
        snprintf(bias, sizeof bias, "%.*sbias", (int)(strlen(names[i]) - strlen("weight")), names[i]);
        pth_begin(&pth, NULL);
        pth_tensor(&pth, names[i], 2, (size_t[]){2, 2 * WIDTH}, 1);
        pth_tensor(&pth, bias, 1, (size_t[]){2}, 1);
        pth_end(&pth, head);
        ck_assert_int_eq(add(&asked, 1), i == 2 ? STATUS_OK : STATUS_BAD_REQUEST);
    }
    free(config);
}
END_TEST

/* {"state_dict": {...}, "classes": [...]}, and by numbers. */
START_TEST(labels_beside_the_weights_are_in_the_order_of_the_outputs)
{
    static const char list[] = "X\x07\x00\x00\x00"
                               "classes](X\x04\x00\x00\x00MassX\x06\x00\x00\x00Nodulee",
                      numbers[] = "X\x0c\x00\x00\x00"
                                  "class_to_idx}(X\x06\x00\x00\x00NoduleK\x01"
                                  "X\x04\x00\x00\x00MassK\x00u";
    for (int i = 0; i < 2; i++) {
        const struct bytes said = {(const uint8_t *)(i ? numbers : list),
                                   i ? sizeof numbers - 1 : sizeof list - 1};
        struct pth pth;
        char name[2][8];
        pth_begin(&pth, "state_dict");
        pth_tensor(&pth, "weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
        pth_tensor(&pth, "bias", 1, (size_t[]){2}, 1);
        pickle_bytes(&pth.pickle, "s", 1);
        pickle_bytes(&pth.pickle, (const char *)said.data, said.size);
        pth_beside(&pth, "optimizer");
        pth_end(&pth, head);
        snprintf(name[0], sizeof name[0], "a%d", i);
        snprintf(name[1], sizeof name[1], "b%d", i);
        asked.name = name[0];
        file_put(labels, "Nodule\nMass\n", 12);
        refused(i ? "it names labels of the 'class_to_idx' in" : "it names labels of the 'classes' in");
        file_put(labels, "Mass\nNodule\n", 12);
        ck_assert_msg(!add(&asked, 1) && !strstr(note, "other labels"), "%s %s", failure.sentence, note);
        asked.name = name[1];
        file_put(labels, "Mass\nEdema\n", 11);
        ck_assert_msg(!add(&asked, 1) && strstr(note, "other labels than its checkpoint says"), "%s %s",
                      failure.sentence, note);
    }
}
END_TEST

/* Dropout has no values, and other layers before it may have none, too. */
START_TEST(a_layer_before_the_head_is_said_to_do_nothing)
{
    for (int i = 0; i < 2; i++) {
        struct pth pth;
        pth_begin(&pth, NULL);
        pth_tensor(&pth, i ? "1.weight" : "weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
        pth_tensor(&pth, i ? "1.bias" : "bias", 1, (size_t[]){2}, 1);
        if (i)
            pth_tensor(&pth, "0.weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
        pth_end(&pth, head);
        asked.name = i ? "b" : "a";
        if (i)
            refused("and another tensor of the file are both 'linear.weight', of the one linear layer that "
                    "is read");
        else
            ck_assert_msg(!add(&asked, 1) && !strstr(note, "sequence"), "%s %s", failure.sentence, note);
    }
    struct pth pth;
    pth_begin(&pth, NULL);
    pth_tensor(&pth, "1.weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
    pth_tensor(&pth, "1.bias", 1, (size_t[]){2}, 1);
    pth_end(&pth, head);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_msg(
        strstr(note, "Head 'b' is the second layer of a sequence, of whose first the file has no values"),
        "%s", note);
}
END_TEST

/* Which a probe may have, and which no linear layer is. */
START_TEST(what_lies_beside_the_layer_is_called_what_it_is)
{
    static const char *const names[][2] = {
        {"bn.running_mean", "a BatchNorm beside the linear layer is not supported"},
        {"logit_scale", "a scale of the logits is not supported: work it into"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct pth pth;
        pth_begin(&pth, NULL);
        pth_tensor(&pth, "weight", 2, (size_t[]){2, 2 * WIDTH}, 1);
        pth_tensor(&pth, "bias", 1, (size_t[]){2}, 1);
        pth_tensor(&pth, names[i][0], 1, (size_t[]){2 * WIDTH}, 1);
        pth_end(&pth, head);
        refused(names[i][1]);
    }
}
END_TEST

/* The 40 findings are those of the authors' heads: of a layer of somebody's own nobody knows them. */
START_TEST(a_layer_of_ones_own_has_labels_of_its_own)
{
    struct pth pth;
    pth_begin(&pth, NULL);
    pth_tensor(&pth, "linear.weight", 2, (size_t[]){40, 2 * WIDTH}, 1);
    pth_tensor(&pth, "linear.bias", 1, (size_t[]){40}, 1);
    pth_end(&pth, head);
    asked.labels = NULL;
    ck_assert_int_eq(add(&asked, 1), STATUS_BAD_REQUEST);
    ck_assert_msg(strstr(failure.sentence, "has 40 classes: name them with labels=FILE"), "%s",
                  failure.sentence);
}
END_TEST

/* Answers have codes for them. */
START_TEST(a_quality_head_has_the_names_of_faults)
{
    struct package *package = NULL;
    asked.kind = IMPORT_QUALITY;
    write_linear();
    refused("lateral, not_a_chest and cropped: it judges pictures.");
    file_put(labels, "inverted\nlateral\n", 17);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_int_eq(open_last(&package)->kind, HEAD_QUALITY);
    ck_assert_uint_eq(card_answering_heads(package_card(package)), 0);
    char *file = file_join(output, package_card(package)->heads[0].weights);
    package_close(&package);
    asked = (struct import_head){.name = "second", .weights = file, .kind = IMPORT_QUALITY};
    refused("a list with no more than one head of kind \"quality\"."); /* and for nothing else */
    asked.kind = IMPORT_FINDINGS;
    ck_assert_int_eq(add(&asked, 1), STATUS_BAD_REQUEST);
    ck_assert_msg(strstr(failure.sentence, "of kind=quality: say that."), "%s", failure.sentence);
    free(file);
}
END_TEST

/* The last of them is where it should be, and the first has another name. */
START_TEST(one_other_label_of_several_is_noted)
{
    static const char json[] = "{\"id2label\": {\"0\": \"Mass\", \"1\": \"Nodule\"}}";
    char *config = file_join(folder, "config.json");
    write_linear();
    file_put(config, json, sizeof json - 1);
    file_put(labels, "Edema\nNodule\n", 13);
    ck_assert_msg(!add(&asked, 1), "%s", failure.sentence);
    ck_assert_msg(strstr(note, "Head 'findings' has other labels than the id2label"), "%s", note);
    free(config);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, make_package, remove_folder);
    tcase_add_test(all, labels_are_read_past_a_config_yaml);
    tcase_add_test(all, labels_in_another_order_than_the_configurations_are_refused);
    tcase_add_test(all, labels_of_a_packages_head_stay);
    tcase_add_test(all, a_classifiers_configuration_is_followed);
    tcase_add_test(all, a_configuration_names_its_own_classifier_alone);
    tcase_add_test(all, labels_beside_the_weights_are_in_the_order_of_the_outputs);
    tcase_add_test(all, what_lies_beside_the_layer_is_called_what_it_is);
    tcase_add_test(all, a_layer_before_the_head_is_said_to_do_nothing);
    tcase_add_test(all, a_layer_of_ones_own_has_labels_of_its_own);
    tcase_add_test(all, a_quality_head_has_the_names_of_faults);
    tcase_add_test(all, one_other_label_of_several_is_noted);
    return suite_run("head_labels", all);
}
