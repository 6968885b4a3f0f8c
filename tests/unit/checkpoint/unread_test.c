/* What may be weights and is not read - of another kind, in an object, under no name - is never left out in
 * silence: neither of a backbone nor of a head, wherever it lies. */
#include "engine/base/file.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/sample.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBER_BYTES_MAX = 1024 };

#define KIND(text, ...)                     \
    {                                       \
        text, sizeof(text) - 1, __VA_ARGS__ \
    }

/* As torch pickles them; what they are made of is not looked at. */
static const struct kind {
    const char *pickle;
    size_t size;
    const char *what;
    bool is_object;
} kinds[] = {
    KIND("ctorch._utils\n_rebuild_tensor_v3\n(NNNNNNctorch\nfloat8_e4m3fn\ntR",
         "a tensor of torch.float8_e4m3fn", false),
    KIND("ctorch._utils\n_rebuild_tensor_v3\n)R", "a tensor of a type that is not known", false),
    KIND("ctorch._utils\n_rebuild_sparse_tensor\n)R", "a tensor of sparse values", false),
    KIND("ctorch._utils\n_rebuild_qtensor\n)R", "a tensor of quantised values", false),
    KIND("ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R", "a tensor of no values (the meta device's)",
         false),
    KIND("ctorch._tensor\n_rebuild_from_type_v2\n(ca\nf\ncmonai.data\nMetaTensor\ntR",
         "a tensor of monai.data.MetaTensor", false),
    KIND("ctorch._utils\n_rebuild_of_tomorrow\n)R", "a tensor of torch._utils._rebuild_of_tomorrow", false),
    KIND("ctorch._utils\n_rebuild_parameter\n(ctorch._utils\n_rebuild_sparse_tensor\n)R\x89NtR",
         "a tensor of sparse values", false),
    /* a storage of complex numbers */
    KIND("ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nComplexFloatStorage\n"
         "X\x01\x00\x00\x00"
         "0X\x03\x00\x00\x00"
         "cpuK\x01tQK\x00)))tR",
         "a tensor of torch.ComplexFloatStorage", false),
    KIND("cvision\nViT\n)\x81}X\x08\x00\x00\x00_modules}sb", "a module of the class 'vision.ViT'", true),
    /* objects that were given such a tensor: as an argument, a member, an attribute */
    KIND("ca\nB\nctorch._utils\n_rebuild_qtensor\n)R\x85R", "an object made by 'a.B'", true),
    KIND("ccollections\ndefaultdict\n)RX\x01\x00\x00\x00wctorch._utils\n_rebuild_qtensor\n)Rs",
         "an object made by 'collections.defaultdict'", true),
    KIND("ca\nB\n)\x81}X\x01\x00\x00\x00wctorch._utils\n_rebuild_qtensor\n)Rsb", "an object made by 'a.B'",
         true),
    KIND("cnumpy._core.multiarray\n_reconstruct\n)R",
         "an object made by 'numpy._core.multiarray._reconstruct'", true),
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static char member_bytes[MEMBER_BYTES_MAX];

static struct bytes member(const char *key, const struct kind *kind)
{
    struct buffer pickle = {.maximum = MEMBER_BYTES_MAX};
    if (key)
        pickle_text(&pickle, key);
    else
        pickle_integer(&pickle, 7);
    pickle_bytes(&pickle, kind->pickle, kind->size);
    memcpy(member_bytes, pickle.data, pickle.size);
    const struct bytes member = {(const uint8_t *)member_bytes, pickle.size};
    buffer_finish(&pickle);
    return member;
}

static void refuse(const char *format, const char *what)
{
    char sentence[FAILURE_SENTENCE_BYTES];
    snprintf(sentence, sizeof sentence, format, what);
    expect(STATUS_INVALID_FILE, sentence);
}

#define SAVE_ALONE ": save the weights alone, as tensors of floats under their names."

START_TEST(of_a_backbone)
{
    const struct kind *kind = &kinds[_i];
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_linear(head, &SAMPLE_AS_IS);
    changes.member = member("backbone.gate", kind);
    sample_backbone(backbone, &changes);
    refuse(
        "backbone.pth: 'backbone.gate' is %s, and no part of a backbone that this program knows" SAVE_ALONE,
        kind->what);
    changes.member = member(NULL, kind);
    sample_backbone(backbone, &changes);
    refuse("backbone.pth: '7' is %s, and no part of a backbone that this program knows" SAVE_ALONE,
           kind->what);
    changes.skip = "norm.bias";
    changes.member = member("backbone.norm.bias", kind);
    sample_backbone(backbone, &changes);
    refuse(kind->is_object
               ? "backbone.pth: 'norm.bias' is %s, which this program neither knows nor runs, where "
                 "a tensor is needed."
               : "backbone.pth: 'norm.bias' is %s, where a tensor of floats of 16, 32 or 64 bits is needed.",
           kind->what);
    changes.skip = NULL;
    changes.member = member("dino_head.scale", kind); /* known to be of training alone */
    sample_backbone(backbone, &changes);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

/* Which C would take for the beginning of it. */
START_TEST(a_key_with_a_zero_in_it_is_no_name)
{
    static const char key[] = "X\x14\x00\x00\x00"
                              "backbone.norm.bias\0x";
    struct sample_changes changes = SAMPLE_AS_IS;
    struct buffer pickle = {.maximum = MEMBER_BYTES_MAX};
    pickle_bytes(&pickle, key, sizeof key - 1);
    pickle_tensor(&pickle, "FloatStorage", "0", 64, 0, 1, (size_t[]){64}, (size_t[]){1});
    changes.skip = "norm.bias";
    changes.member = (struct bytes){pickle.data, pickle.size};
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    expect(STATUS_INVALID_FILE,
           "backbone.pth: 'backbone.norm.bias' is a tensor, and no part of a backbone that "
           "this program knows" SAVE_ALONE);
    buffer_finish(&pickle);
}
END_TEST

START_TEST(of_a_head)
{
    const struct kind *kind = &kinds[_i];
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_backbone(backbone, &SAMPLE_AS_IS);
    changes.member = member("temperature", kind);
    sample_linear(head, &changes);
    refuse("head.pth: 'temperature' is %s, and no part of a head that this program knows" SAVE_ALONE,
           kind->what);
    changes.member = member(NULL, kind);
    sample_linear(head, &changes);
    refuse("head.pth: '7' is %s, and no part of a head that this program knows" SAVE_ALONE, kind->what);
    changes.member = member("classifiers_dict.other.linear.weight", kind); /* another candidate */
    sample_linear(head, &changes);
    asked.candidate = "linear:blocks=1:avgpool=True:lr=0_1";
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

START_TEST(beside_the_state_dict)
{
    const struct kind *kind = &kinds[_i];
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_linear(head, &SAMPLE_AS_IS);
    changes.root = member("more", kind);
    sample_backbone(backbone, &changes);
    refuse("backbone.pth: The file holds %s under 'more', beside the state dict, which this program does not "
           "know. If the answers do not need them, save the state dict alone: torch.save(torch.load(FILE, "
           "'cpu')['teacher'], NEW_FILE).",
           kind->what);
    changes.root = member("callbacks", kind);
    sample_backbone(backbone, &changes);
    expect(STATUS_INVALID_FILE,
           "backbone.pth: The file holds values under 'callbacks' that answers may need (a "
           "scale of features or pictures, an average of the weights). Work them into "
           "the weights, or, if they are of no use, save those alone: torch.save(torch.load(FILE, "
           "'cpu')['teacher'], "
           "NEW_FILE).");
    changes.root = member("optimizer_states", kind);
    sample_backbone(backbone, &changes);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

/* What trainers keep of their own options is nobody's weights. */
START_TEST(objects_without_tensors_lie_beside)
{
    static const struct kind kind =
        KIND("cargparse\nNamespace\n)\x81}X\x02\x00\x00\x00lrK\x01sb", NULL, true);
    struct sample_changes changes = SAMPLE_AS_IS;
    sample_linear(head, &SAMPLE_AS_IS);
    changes.root = member("args", &kind);
    sample_backbone(backbone, &changes);
    ck_assert_msg(!import_now(), "%s", failure.sentence);
}
END_TEST

/* Of whole numbers, of eight bits: known types that are no weights here. */
START_TEST(tensors_of_other_types_are_named_as_what_they_are)
{
    struct sample_changes changes = SAMPLE_AS_IS;
    struct buffer pickle = {.maximum = MEMBER_BYTES_MAX};
    pickle_text(&pickle, "backbone.norm.bias");
    pickle_tensor(&pickle, "CharStorage", "0", 64, 0, 1, (size_t[]){64}, (size_t[]){1});
    changes.skip = "norm.bias";
    changes.member = (struct bytes){pickle.data, pickle.size};
    sample_backbone(backbone, &changes);
    sample_linear(head, &SAMPLE_AS_IS);
    expect(STATUS_INVALID_FILE, "backbone.pth: 'norm.bias' is a tensor of I8, where a tensor of floats of "
                                "16, 32 or 64 bits is needed.");
    buffer_finish(&pickle);
}
END_TEST

/* {"cls_token": tensor, ...} of one shard, with a member more. */
static void write_shard(struct bytes more)
{
    static const char index[] = "{\"weight_map\": {\"cls_token\": \"shard.bin\"}}";
    struct pth pth;
    char *shard = file_join(folder, "shard.bin");
    pth_begin(&pth, NULL);
    pth_tensor(&pth, "cls_token", 3, (size_t[]){1, 1, WIDTH}, 1);
    pth_member(&pth, more);
    pth_end(&pth, shard);
    file_put(backbone, index, sizeof index - 1);
    free(shard);
}

START_TEST(of_a_shard)
{
    static const struct kind nested =
        KIND("}X\x01\x00\x00\x00yctorch._utils\n_rebuild_qtensor\n)Rs", NULL, false);
    options.head_count = 0;
    write_shard(member("gate", &nested));
    expect(
        STATUS_INVALID_FILE,
        "The file holds tensors under 'gate', within the state dict, which this program does not know. Save "
        "the tensors that answer alone, as a state dict.");
    write_shard(member(NULL, &nested));
    expect(STATUS_INVALID_FILE,
           "The file holds tensors under '7', within the state dict, which this program does not know. Save "
           "the tensors that answer alone, as a state dict.");
    write_shard(member("gate", &kinds[0]));
    expect(STATUS_INVALID_FILE,
           "shard.bin: Tensor 'gate' is in it, but not by the index: they do not belong together.");
    write_shard(member(NULL, &kinds[0]));
    expect(STATUS_INVALID_FILE, "'7' is a tensor of torch.float8_e4m3fn, and no part of a backbone that this "
                                "program knows" SAVE_ALONE);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, of_a_backbone, 0, KINDS);
    tcase_add_test(all, a_key_with_a_zero_in_it_is_no_name);
    tcase_add_loop_test(all, of_a_head, 0, KINDS);
    tcase_add_loop_test(all, beside_the_state_dict, 0, KINDS);
    tcase_add_test(all, objects_without_tensors_lie_beside);
    tcase_add_test(all, tensors_of_other_types_are_named_as_what_they_are);
    tcase_add_test(all, of_a_shard);
    return suite_run("unread", all);
}
