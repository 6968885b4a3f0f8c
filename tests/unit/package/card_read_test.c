/* model.json to a card: what is read, and each thing that can be wrong with it. */
#include "engine/package/card_read.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char GOOD[] =
    "{\"format\":1,\"name\":\"m\",\"version\":\"1\",\"intended_use\":\"None.\","
    "\"backbone\":{\"weights\":\"b.safetensors\",\"width\":128,\"depth\":4,\"heads\":2,\"patch_size\":16,"
    "\"image_size\":64,\"registers\":4,\"ffn\":\"swiglu\",\"ffn_hidden\":344,\"position_grid\":4,"
    "\"interpolate_offset\":0.1},\"preprocessing\":{\"profile\":\"chexfound\"},"
    "\"heads\":[{\"name\":\"f\",\"kind\":\"findings\",\"type\":\"glori\",\"weights\":\"h.safetensors\","
    "\"blocks\":4,"
    "\"labels\":[{\"name\":\"Edema\",\"threshold\":0.25,\"threshold_source\":\"default\","
    "\"calibration\":{\"scale\":2,\"offset\":-1},"
    "\"codes\":[{\"system\":\"http://snomed.info/sct\",\"code\":\"19242006\"}]},"
    "{\"name\":\"Hernia\",\"threshold\":0.5,\"threshold_source\":\"default\"}]}],"
    "\"weights_sha256\":{"
    "\"b.safetensors\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\","
    "\"h.safetensors\":\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\"}}";

/* GOOD with `from` replaced by `to`, read. */
static enum status read_changed(const char *from, const char *to, struct failure *failure,
                                struct arena *arena, struct model_card *card)
{
    char text[4096];
    const char *at = strstr(GOOD, from);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
    struct json *root = NULL;
    ck_assert_int_eq(json_parse((struct bytes){(uint8_t *)text, strlen(text)},
                                (struct json_limits){16, 1 << 20}, failure, &root),
                     STATUS_OK);
    enum status status = card_read(root, arena, failure, card);
    json_destroy(&root);
    return status;
}

START_TEST(reads_every_member)
{
    struct arena *arena = arena_create();
    struct model_card card;
    ck_assert_int_eq(read_changed("None.", "Tests.", NULL, arena, &card), STATUS_OK);
    ck_assert_str_eq(card.intended_use, "Tests.");
    ck_assert_uint_eq(card.backbone.ffn_hidden, 344);
    ck_assert(backbone_rows(&card.backbone) == 4 && backbone_columns(&card.backbone) == 4);
    ck_assert(!card.backbone.interpolate_antialias && card.backbone.layer_norm_epsilon == 1e-6);
    ck_assert(profile_equal(&card.profile, profile_known("chexfound")));
    ck_assert_int_eq(card.dicom_profile, DICOM_PROFILE_MIMIC);
    ck_assert_uint_eq(card.head_count, 1);
    ck_assert_uint_eq(card.heads[0].label_count, 2);
    const struct label *edema = &card.heads[0].labels[0];
    ck_assert_double_eq(edema->threshold, 0.25);
    ck_assert(edema->calibrated && edema->scale == 2 && edema->offset == -1);
    ck_assert_str_eq(edema->codes[0].code, "19242006");
    ck_assert(!card.heads[0].labels[1].calibrated);
    ck_assert_uint_eq(card.heads[0].labels[1].code_count, 0);
    ck_assert_str_eq(card.heads[0].labels[1].name, "Hernia");
    ck_assert_int_eq(card.backbone.sha256[63], 'b');
    ck_assert_int_eq(card.heads[0].sha256[63], 'c');
    arena_destroy(&arena);
}
END_TEST

START_TEST(a_package_may_have_no_heads)
{
    struct arena *arena = arena_create();
    struct model_card card;
    struct failure failure;
    char text[4096];
    const char *heads = strstr(GOOD, "\"heads\":[{"), *hashes = strstr(GOOD, "\"weights_sha256\"");
    snprintf(text, sizeof text, "%.*s\"heads\":[],%.*s}}", (int)(heads - GOOD), GOOD,
             (int)(strstr(hashes, ",\"h.safetensors\"") - hashes), hashes);
    struct json *root = NULL;
    ck_assert(!card_parse((struct bytes){(uint8_t *)text, strlen(text)}, &failure, &root));
    ck_assert_msg(!card_read(root, arena, &failure, &card), "%s", failure.sentence);
    ck_assert_uint_eq(card.head_count, 0);
    json_destroy(&root);
    arena_destroy(&arena);
}
END_TEST

START_TEST(reads_how_many_views)
{
    struct arena *arena = arena_create();
    struct model_card card;
    static const char two[] = "\"type\":\"linear\",\"views\":2", one[] = "\"type\":\"glori\",\"views\":1";
    ck_assert_int_eq(read_changed("\"type\":\"glori\"", two, NULL, arena, &card), STATUS_OK);
    ck_assert(card.heads[0].two_views);
    ck_assert_uint_eq(head_outputs(&card.heads[0]), 4);
    ck_assert_uint_eq(card.unread_count, 0);
    ck_assert_int_eq(read_changed("\"type\":\"glori\"", one, NULL, arena, &card), STATUS_OK);
    ck_assert(!card.heads[0].two_views);
    ck_assert_uint_eq(head_outputs(&card.heads[0]), 2);
    arena_destroy(&arena);
}
END_TEST

START_TEST(reads_a_rectangle)
{
    struct arena *arena = arena_create();
    struct model_card card;
    ck_assert_int_eq(read_changed("\"image_size\":64", "\"image_size\":[64,96]", NULL, arena, &card),
                     STATUS_OK);
    ck_assert(card.backbone.image_height == 64 && card.backbone.image_width == 96);
    ck_assert(backbone_rows(&card.backbone) == 4 && backbone_columns(&card.backbone) == 6);
    ck_assert_uint_eq(backbone_patches(&card.backbone), 24);
    ck_assert_uint_eq(card.unread_count, 0);
    arena_destroy(&arena);
}
END_TEST

START_TEST(reads_a_profile_of_its_own)
{
    static const char exact[] = "\"profile\":{\"name\":\"vit\",\"resize\":\"exact\",\"mean\":[0.5,0.4,0.3],"
                                "\"deviation\":[1,2,3]}";
    struct arena *arena = arena_create();
    struct model_card card;
    ck_assert_int_eq(read_changed("\"profile\":\"chexfound\"", exact, NULL, arena, &card), STATUS_OK);
    const struct profile expected = {.name = "vit",
                                     .resize = PROFILE_EXACT,
                                     .rescale = 1.0 / 255,
                                     .mean = {0.5, 0.4, 0.3},
                                     .deviation = {1, 2, 3}};
    ck_assert(profile_equal(&card.profile, &expected));
    ck_assert_uint_eq(card.unread_count, 0);
    arena_destroy(&arena);
}
END_TEST

/* Another head of the name of the one behind it. */
#define TWICE                                                                                             \
    "\"heads\":[{\"name\":\"f\",\"kind\":\"findings\",\"type\":\"linear\",\"weights\":\"i.safetensors\"," \
    "\"blocks\":1,\"labels\":[{\"name\":\"Edema\",\"threshold\":0.5,\"threshold_source\":\"default\"}]},"

/* Two heads that judge pictures before the one behind them. */
#define GATE(name)                                                                                   \
    "{\"name\":\"" name "\",\"kind\":\"quality\",\"type\":\"linear\",\"weights\":\"h.safetensors\"," \
    "\"blocks\":1,\"average_pool\":true,\"labels\":[{\"name\":\"mirrored\",\"threshold\":0.5,"       \
    "\"threshold_source\":\"default\"}]},"

START_TEST(reads_a_quality_head)
{
    struct arena *arena = arena_create();
    struct model_card card;
    ck_assert_int_eq(read_changed("\"heads\":[", "\"heads\":[" GATE("g"), NULL, arena, &card), STATUS_OK);
    ck_assert_uint_eq(card.head_count, 2);
    ck_assert_uint_eq(card_answering_heads(&card), 1);
    ck_assert_int_eq(card.heads[0].kind, HEAD_QUALITY);
    ck_assert_uint_eq(card.unread_count, 0);
    arena_destroy(&arena);
}
END_TEST

static const struct {
    const char *from, *to, *sentence;
} BAD[] = {
    {"\"heads\":[", "\"heads\":[" GATE("g") GATE("h"),
     "\"heads\" of model.json must be a list with no more than one head of kind \"quality\"."},
    {"\"kind\":\"findings\"", "\"kind\":\"other\"",
     "\"kind\" of f must be \"findings\", \"risk\" or \"quality\"."},
    {"\"kind\":\"findings\"", "\"kind\":\"quality\"",
     "\"type\" of f must be \"linear\", of one view: it judges pictures."},
    {"\"kind\":\"findings\",\"type\":\"glori\"", "\"kind\":\"quality\",\"type\":\"linear\",\"views\":2",
     "\"type\" of f must be \"linear\", of one view: it judges pictures."},
    {"\"kind\":\"findings\",\"type\":\"glori\"", "\"kind\":\"quality\",\"type\":\"linear\"",
     "\"labels\" of f must be a list of names out of inverted, rotated_90, rotated_180, rotated_270, "
     "mirrored, lateral, not_a_chest and cropped: it judges pictures."},
    {"\"format\":1", "\"format\":2", "\"format\" of model.json must be a whole number from 1 to 1."},
    {"\"name\":\"m\",", "", "\"name\" of model.json must be a text."},
    {"\"width\":128", "\"width\":192", "\"width\" of \"backbone\" must be 64 times \"heads\"."},
    {"\"depth\":4", "\"depth\":4.5", "\"depth\" of \"backbone\" must be a whole number from 1 to 128."},
    {"\"image_size\":64", "\"image_size\":60",
     "\"image_size\" of \"backbone\" must be a multiple of \"patch_size\"."},
    {"\"ffn\":\"swiglu\"", "\"ffn\":\"relu\"", "\"ffn\" of \"backbone\" must be \"swiglu\" or \"gelu\"."},
    {"\"ffn\":\"swiglu\"", "\"ffn\":\"gelu\"", "\"ffn_hidden\" of \"backbone\" must be a multiple of 64."},
    {"b.safetensors", "..", "\"weights\" of \"backbone\" must be a file name without a folder."},
    {"b.safetensors", ".b", "\"weights\" of \"backbone\" must be a file name without a folder."},
    {"\"heads\":[", TWICE, "\"heads\" of model.json must be a list without a name that stands twice."},
    {"b.safetensors", "../b", "\"weights\" of \"backbone\" must be a file name without a folder."},
    {"\"profile\":\"chexfound\"", "\"profile\":\"chexfound\",\"dicom_profile\":\"x\"",
     "\"dicom_profile\" of \"preprocessing\" must be \"mimic\" or \"voi\"."},
    {"\"profile\":\"chexfound\"", "\"profile\":\"x\"",
     "\"profile\" of \"preprocessing\" must be \"chexfound\", \"dinov2\" or an object."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1]}",
     "\"name\" of \"profile\" must be a text."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"dinov2\",\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,"
     "1,1]}",
     "\"name\" of \"profile\" must be another than that of a known profile."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"crop\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1]}",
     "\"resize\" of \"profile\" must be \"shortest_edge\" or \"exact\"."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],"
     "\"edge\":32}",
     "\"edge\" of \"profile\" must be at least 64 high and 64 wide, as \"image_size\" is, or absent."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"exact\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],\"edge\":"
     "[64,63]}",
     "\"edge\" of \"profile\" must be at least 64 high and 64 wide, as \"image_size\" is, or absent."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"exact\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],\"edge\":"
     "[64,0]}",
     "\"edge\" of \"profile\" must be a whole number from 1 to 4096, or two of those."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"exact\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],\"edge\":"
     "[64]}",
     "\"edge\" of \"profile\" must be a list of 2 to 2."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"exact\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],"
     "\"rounding\":\"up\"}",
     "\"rounding\" of \"profile\" must be \"down\" or \"nearest\"."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"shortest_edge\",\"mean\":[1,2],\"deviation\":[1,1,1]}",
     "\"mean\" of \"profile\" must be a list of 3 to 3."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,0,1]}",
     "\"deviation\" of \"profile\" must be a number from 1e-06 to 1e+06."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],"
     "\"rescale\":0}",
     "\"rescale\" of \"profile\" must be a number from 1e-06 to 1000."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],"
     "\"filter\":\"nearest\"}",
     "\"filter\" of \"profile\" must be \"bicubic\" or \"bilinear\"."},
    {"\"profile\":\"chexfound\"",
     "\"profile\":{\"name\":\"x\",\"resize\":\"shortest_edge\",\"mean\":[0.5,0.5,0.5],\"deviation\":[1,1,1],"
     "\"centre\":\"up\"}",
     "\"centre\" of \"profile\" must be \"even\" or \"down\"."},
    {"\"image_size\":64", "\"image_size\":[64,56]",
     "\"image_size\" of \"backbone\" must be a multiple of \"patch_size\"."},
    {"\"image_size\":64", "\"image_size\":[64]",
     "\"image_size\" of \"backbone\" must be two whole numbers, [height, width], from 16 to 4096."},
    {"\"image_size\":64", "\"image_size\":[64,8192]",
     "\"image_size\" of \"backbone\" must be two whole numbers, [height, width], from 16 to 4096."},
    {"\"registers\":4", "\"registers\":4,\"layer_norm_epsilon\":0",
     "\"layer_norm_epsilon\" of \"backbone\" must be a number from 1e-12 to 0.01."},
    {"\"registers\":4", "\"registers\":4,\"interpolate_antialias\":1",
     "\"interpolate_antialias\" of \"backbone\" must be true or false."},
    {"\"blocks\":4", "\"blocks\":0", "\"blocks\" of f must be a whole number from 1 to 4."},
    {"\"blocks\":4", "\"blocks\":5", "\"blocks\" of f must be a whole number from 1 to 4."},
    {"\"blocks\":4", "\"blocks\":4,\"views\":2",
     "\"views\" of f must be 1: only a linear head reads two views."},
    {"\"blocks\":4", "\"blocks\":4,\"average_pool\":true",
     "\"average_pool\" of f must be false: only a linear head reads the mean patch token."},
    {"\"type\":\"glori\"", "\"type\":\"linear\",\"views\":3",
     "\"views\" of f must be a whole number from 1 to 2."},
    {"\"type\":\"glori\"", "\"type\":\"linear\",\"views\":1.5",
     "\"views\" of f must be a whole number from 1 to 2."},
    {"\"kind\":\"findings\"", "\"kind\":\"risk\"",
     "\"definition\" of f must be a text: what the risk score means."},
    {"\"threshold\":0.25", "\"threshold\":1.5", "\"threshold\" of Edema must be a number from 0 to 1."},
    {"\"scale\":2", "\"scale\":-1", "\"scale\" of Edema must be a number from 1e-06 to 1e+06."},
    {"\"offset\":-1", "\"offset\":null", "\"offset\" of Edema must be a number from -1e+06 to 1e+06."},
    {"\"blocks\":4", "\"blocks\":4,\"definition\":5", "\"definition\" of f must be a text."},
    {"\"name\":\"Hernia\"", "\"name\":\"Edema\"",
     "\"labels\" of f must be a list without a name that stands twice."},
    {"\"weights_sha256\":{", "\"weights_sha256\":{\"x.safetensors\":\"00\",",
     "\"weights_sha256\" has \"x.safetensors\", which is the weights of nothing."},
    {"\"bbbbbbbb", "\"Bbbbbbbb",
     "\"b.safetensors\" of \"weights_sha256\" must be the SHA-256 of that file, 64 lower-case digits."},
    {"Edema", "Ed\xe9ma", "\"name\" holds control characters or is not UTF-8."},
    {"None.", "\\u001b[2J", "\"intended_use\" holds control characters or is not UTF-8."},
    {"\"codes\":[{\"system\":\"http", "\"codes\":[{\"system\":\"\\u0085http",
     "\"system\" holds control characters or is not UTF-8."},
    {"\"version\":\"1\"", "\"version\":\"1\",\"\\u0007\":1",
     "The name of a member holds control characters or is not UTF-8."},
    {"\"threshold\":0.25", "\"threshold\":0.25,\"threshold\":0.75",
     "\"threshold\" stands twice in one object."},
    {"\"heads\":[{", "\"other\":[{", "\"heads\" of model.json must be a list, empty where there are none."},
    {"\"heads\":[{", "\"heads\":0,\"other\":[{", "\"heads\" of model.json must be a list of 0 to 32."},
};

START_TEST(lists_what_nothing_reads)
{
    static const struct {
        const char *from, *to;
        const char *unread[3];
    } cases[] = {
        {"None.", "Tests.", {NULL}},
        {"\"blocks\":4", "\"blocks\":4,\"average_pool\":false", {NULL}},
        {"\"calibration\"", "\"calibraton\"", {"heads[0].labels[0].calibraton"}},
        {"\"offset\":-1", "\"offset\":-1,\"ofset\":2", {"heads[0].labels[0].calibration.ofset"}},
        {"\"code\":\"1", "\"display\":{\"a\":[1]},\"code\":\"1", {"heads[0].labels[0].codes[0].display"}},
        {"\"format\":1", "\"fromat\":{\"format\":1},\"format\":1,\"x\":[]", {"fromat", "x"}},
        {"\"format\":1", "\"provenance\":{\"backbone\":{\"file\":\"b.pth\"}},\"format\":1", {NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_create();
        struct failure failure = {0};
        struct model_card card;
        size_t count = 0;
        ck_assert_msg(!read_changed(cases[i].from, cases[i].to, &failure, arena, &card), "%s",
                      failure.sentence);
        for (; cases[i].unread[count]; count++) {
            ck_assert_msg(count < card.unread_count, "%s", cases[i].unread[count]);
            ck_assert_str_eq(card.unread[count], cases[i].unread[count]);
        }
        ck_assert_uint_eq(card.unread_count, count);
        arena_destroy(&arena);
    }
}
END_TEST

START_TEST(names_the_first_of_many_that_nothing_reads)
{
    struct arena *arena = arena_create();
    struct model_card card;
    char many[512] = "";
    for (int i = 0; i < 20; i++)
        sprintf(many + strlen(many), "\"x%d\":0,", i);
    strcat(many, "\"format\":1");
    ck_assert(!read_changed("\"format\":1", many, NULL, arena, &card));
    ck_assert_uint_eq(card.unread_count, 20);
    ck_assert_str_eq(card.unread[CARD_UNREAD_MAX - 1], "x15");
    arena_destroy(&arena);
}
END_TEST

START_TEST(names_what_is_wrong)
{
    struct arena *arena = arena_create();
    struct failure failure;
    struct model_card card;
    ck_assert_int_eq(read_changed(BAD[_i].from, BAD[_i].to, &failure, arena, &card), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, BAD[_i].sentence);
    arena_destroy(&arena);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("card");
    tcase_add_test(cases, reads_every_member);
    tcase_add_test(cases, a_package_may_have_no_heads);
    tcase_add_test(cases, reads_how_many_views);
    tcase_add_test(cases, reads_a_quality_head);
    tcase_add_test(cases, reads_a_rectangle);
    tcase_add_test(cases, reads_a_profile_of_its_own);
    tcase_add_test(cases, lists_what_nothing_reads);
    tcase_add_test(cases, names_the_first_of_many_that_nothing_reads);
    tcase_add_loop_test(cases, names_what_is_wrong, 0, sizeof BAD / sizeof *BAD);
    return suite_run("card_read", cases);
}
