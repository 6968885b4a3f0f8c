#include "engine/checkpoint/names.h"

#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/loss_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_DIGITS_MAX = 4 };

/* What wrappers put before every name of a model, whose weights follow, and whether it may also stand before
 * a part of a model, in the middle of a name. */
static const struct wrapper {
    const char *prefix;
    enum name_owner owner;
    bool inner;
} wrappers[] = {
    {"module.", OWNER_NONE, true},
    {"_orig_mod.", OWNER_NONE, true},
    {"_forward_module.", OWNER_NONE, true},
    {"_fsdp_wrapped_module.", OWNER_NONE, true},
    {"_checkpoint_wrapped_module.", OWNER_NONE, true},
    {"base_layer.", OWNER_NONE, true},  /* PEFT's, of one layer */
    {"base_model.", OWNER_NONE, false}, /* and of all */
    {"model.", OWNER_NONE, false},
    {"net.", OWNER_NONE, false},
    {"backbone.", OWNER_NONE, false},
    {"encoder.", OWNER_NONE, false},
    {"feature_model.", OWNER_NONE, false},
    {"vision_model.", OWNER_NONE, false},
    {"dinov2.", OWNER_NONE, false},
    {"dinov2_with_registers.", OWNER_NONE, false},
    {"0.", OWNER_NONE, false},
    {"1.", OWNER_NONE, false},
    {"teacher.", OWNER_TEACHER, false},
    {"student.", OWNER_STUDENT, false},
    {"ema.", OWNER_AVERAGE, false},
    {"ema_model.", OWNER_AVERAGE, false},
    {"model_ema.", OWNER_AVERAGE, false},
};
enum { WRAPPERS = sizeof wrappers / sizeof *wrappers };

/* One that ends in a dot is a module: its weight and its bias. */
struct rename {
    const char *theirs, *ours;
    unsigned traits;
    unsigned piece, pieces; /* 0, 0: the whole */
};

static const struct rename outer_names[] = {
    {"cls_token", "cls_token", 0, 0, 0},
    {"pos_embed", "pos_embed", 0, 0, 0},
    {"register_tokens", "register_tokens", TRAIT_REGISTERS, 0, 0},
    {"reg_token", "register_tokens", TRAIT_TIMM_REGISTERS, 0, 0},
    {"patch_embed.proj.", "patch_embed.proj.", 0, 0, 0},
    {"norm.", "norm.", 0, 0, 0},
    {"embeddings.cls_token", "cls_token", TRAIT_HUGGING_FACE, 0, 0},
    {"embeddings.position_embeddings", "pos_embed", TRAIT_HUGGING_FACE, 0, 0},
    {"embeddings.register_tokens", "register_tokens", TRAIT_HUGGING_FACE | TRAIT_REGISTERS, 0, 0},
    {"embeddings.patch_embeddings.projection.", "patch_embed.proj.", TRAIT_HUGGING_FACE, 0, 0},
    {"layernorm.", "norm.", TRAIT_HUGGING_FACE, 0, 0},
    {0},
};

/* What the list of blocks is called: "blocks.<i>.", "blocks.<chunk>.<i>.", "layer.<i>.". */
static const struct {
    const char *prefix;
    unsigned traits;
} block_lists[] = {{"blocks.", 0}, {"layer.", TRAIT_HUGGING_FACE}};

static const struct rename block_names[] = {
    {"norm1.", "norm1.", 0, 0, 0},
    {"norm2.", "norm2.", 0, 0, 0},
    {"attn.qkv.", "attn.qkv.", 0, 0, 0},
    {"attn.proj.", "attn.proj.", 0, 0, 0},
    {"ls1.gamma", "ls1.gamma", 0, 0, 0},
    {"ls2.gamma", "ls2.gamma", 0, 0, 0},
    {"ls1.weight", "ls1.gamma", 0, 0, 0}, /* as transformers' loaders rename it */
    {"ls2.weight", "ls2.gamma", 0, 0, 0},
    {"mlp.w12.", "mlp.w12.", 0, 0, 0},
    {"mlp.w3.", "mlp.w3.", 0, 0, 0},
    {"mlp.fc1.", "mlp.fc1.", 0, 0, 0},
    {"mlp.fc2.", "mlp.fc2.", 0, 0, 0},
    {"attention.attention.query.", "attn.qkv.", TRAIT_HUGGING_FACE, 0, 3},
    {"attention.attention.key.", "attn.qkv.", TRAIT_HUGGING_FACE, 1, 3},
    {"attention.attention.value.", "attn.qkv.", TRAIT_HUGGING_FACE, 2, 3},
    {"attention.q_proj.", "attn.qkv.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 0, 3},
    {"attention.k_proj.", "attn.qkv.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 1, 3},
    {"attention.v_proj.", "attn.qkv.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 2, 3},
    {"attention.output.dense.", "attn.proj.", TRAIT_HUGGING_FACE, 0, 0},
    {"attention.o_proj.", "attn.proj.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 0, 0},
    {"layer_scale1.lambda1", "ls1.gamma", TRAIT_HUGGING_FACE, 0, 0},
    {"layer_scale2.lambda1", "ls2.gamma", TRAIT_HUGGING_FACE, 0, 0},
    {"mlp.weights_in.", "mlp.w12.", TRAIT_HUGGING_FACE, 0, 0},
    {"mlp.weights_out.", "mlp.w3.", TRAIT_HUGGING_FACE, 0, 0},
    {"mlp.gate_proj.", "mlp.w12.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 0, 2},
    {"mlp.up_proj.", "mlp.w12.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 1, 2},
    {"mlp.down_proj.", "mlp.w3.", TRAIT_HUGGING_FACE | TRAIT_NEWER, 0, 0},
    {0},
};

/* What no answer depends on, as it serves training. One that ends in a dot is a whole module. */
static const char *const harmless[] = {"mask_token", "embeddings.mask_token", "dino_head.",  "ibot_head.",
                                       "dino_loss.", "ibot_patch_loss.",      "koleo_loss.", NULL};

const char *name_behind(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) ? NULL : text + length;
}

/* FNV-1a. What may be put before a part alone says nothing of where the whole lies. */
static uint64_t place_within(uint64_t place, const struct wrapper *wrapper)
{
    for (const char *at = wrapper->inner ? "" : wrapper->prefix; *at; at++)
        place = (place ^ (unsigned char)*at) * 0x100000001b3u;
    return place;
}

/* Strips all wrappers before a name. Teacher, student and average never lie within one another, so the first
 * is the one that counts. transformers has "encoder." before its layers only. */
static const char *strip(const char *key, struct backbone_name *out)
{
    uint64_t outside = out->place;
    for (size_t i = 0; i < WRAPPERS;) {
        const char *rest = name_behind(key, wrappers[i].prefix);
        if (rest && out->owner == OWNER_NONE)
            out->owner = wrappers[i].owner;
        const uint64_t place = rest ? place_within(out->place, &wrappers[i]) : out->place;
        if (place != out->place)
            outside = strcmp(wrappers[i].prefix, "encoder.") ? place : out->place;
        out->place = place;
        key = rest ? rest : key;
        i = rest ? 0 : i + 1;
    }
    if (name_behind(key, "layer."))
        out->place = outside;
    return key;
}

const char *name_strip(const char *key)
{
    struct backbone_name ignored = {0};
    return strip(key, &ignored);
}

/* Copies the name without the wrappers in its middle; false when it is too long to be one. */
static bool unwrap(const char *text, char out[KEY_BYTES_MAX])
{
    size_t used = 0;
    for (bool at_start = true; *text; text++) {
        for (size_t i = 0; at_start && i < WRAPPERS;) {
            const char *rest = wrappers[i].inner ? name_behind(text, wrappers[i].prefix) : NULL;
            text = rest ? rest : text;
            i = rest ? 0 : i + 1;
        }
        if (!*text)
            break;
        if (used + 1 == KEY_BYTES_MAX)
            return false;
        at_start = *text == '.';
        out[used++] = *text;
    }
    out[used] = '\0';
    return true;
}

enum name_copy name_copy_of(const char *key, char out[KEY_BYTES_MAX])
{
    static const char trained[] = ".modules_to_save.", original[] = ".original_module.";
    const char *saved = strstr(key, trained), *before = strstr(key, original);
    const char *rest = saved    ? strchr(saved + strlen(trained), '.')
                       : before ? before + strlen(original)
                                : NULL;
    if (!rest || (saved && before) || strlen(key) >= KEY_BYTES_MAX)
        return COPY_ONLY;
    snprintf(out, KEY_BYTES_MAX, "%.*s.%s", (int)((saved ? saved : before) - key), key,
             rest + (saved != NULL));
    return saved ? COPY_TRAINED : COPY_ORIGINAL;
}

/* "attn.qkv.lora_A.default.weight" -> "attn.qkv.weight", in place. */
static enum name_adapter read_adapter(char *name)
{
    char *half = strstr(name, ".lora_A."), *other = strstr(name, ".lora_B.");
    char *at = half ? half : other;
    if (!at || (half && other))
        return ADAPTER_NONE;
    const char *rest = at + strlen(".lora_A."), *dot = strchr(rest, '.');
    if (dot && strchr(dot + 1, '.'))
        return ADAPTER_NONE;
    if (strcmp(dot ? dot + 1 : rest, "weight"))
        return ADAPTER_NONE;
    memcpy(at, ".weight", sizeof ".weight");
    return half ? ADAPTER_A : ADAPTER_B;
}

/* Reads "<digits>." of at most four digits. */
static const char *read_index(const char *text, unsigned *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > INDEX_DIGITS_MAX || text[digits] != '.')
        return NULL;
    *out = (unsigned)strtoul(text, NULL, 10);
    return text + digits + 1;
}

/* The part of a block behind "<chunk>.<i>." or "<i>.", and i, which is global in both; NULL when neither is
 * there. */
static const char *read_block(const char *text, unsigned *index, unsigned *traits)
{
    const char *rest = read_index(text, index), *deeper = rest ? read_index(rest, index) : NULL;
    *traits |= deeper ? TRAIT_CHUNKS : TRAIT_BLOCKS;
    return deeper ? deeper : rest;
}

/* Looks the text up in a table and appends its one name to out->name. */
static bool look_up(const struct rename *table, const char *text, struct backbone_name *out)
{
    size_t used = strlen(out->name);
    for (; table->theirs; table++) {
        const char *rest = name_behind(text, table->theirs);
        bool module = table->theirs[strlen(table->theirs) - 1] == '.';
        if (!rest || (module ? strcmp(rest, "weight") && strcmp(rest, "bias") : *rest != '\0'))
            continue;
        snprintf(out->name + used, NAME_BYTES - used, "%s%s", table->ours, rest);
        out->traits |= table->traits;
        out->piece = table->piece;
        out->pieces = table->pieces ? table->pieces : 1;
        return true;
    }
    return false;
}

static bool look_up_all(const char *text, struct backbone_name *out)
{
    if (look_up(outer_names, text, out))
        return true;
    for (size_t i = 0; i < sizeof block_lists / sizeof *block_lists; i++) {
        unsigned index;
        const char *rest = name_behind(text, block_lists[i].prefix),
                   *part = rest ? read_block(rest, &index, &out->traits) : NULL;
        if (!part)
            continue;
        snprintf(out->name, NAME_BYTES, "blocks.%u.", index);
        out->traits |= block_lists[i].traits;
        return look_up(block_names, part, out);
    }
    return false;
}

bool name_is_listed(const char *const *list, const char *name)
{
    for (const char *const *at = list; *at; at++) {
        bool module = (*at)[strlen(*at) - 1] == '.';
        if (module ? name_behind(name, *at) != NULL : !strcmp(name, *at))
            return true;
    }
    return false;
}

enum name_kind name_of_backbone(const char *key, struct backbone_name *out)
{
    char whole[KEY_BYTES_MAX], text[KEY_BYTES_MAX];
    const enum name_copy copy = name_copy_of(key, whole);
    *out = (struct backbone_name){.pieces = 1, .copy = copy};
    key = copy ? whole : key;
    const char *stripped = strip(key, out);
    bool fits = unwrap(stripped, text);
    if (fits) {
        out->traits = stripped != key || strlen(text) != strlen(stripped) ? TRAIT_WRAPPED : 0;
        out->adapter = read_adapter(text);
        if (look_up_all(text, out))
            return NAME_KNOWN;
    }
    snprintf(out->name, NAME_BYTES, "%s", fits ? text : stripped);
    out->traits |= fits && !strcmp(text, "mask_token") ? TRAIT_MASK_TOKEN : 0;
    bool is_head = fits && head_form_begins(text);
    bool is_known = is_head || (fits && name_is_listed(harmless, text)),
         is_loss = fits && loss_name_is(text) && !is_known;
    out->traits |= is_head && copy != COPY_ORIGINAL ? TRAIT_HEAD : 0;
    out->traits |= is_loss ? TRAIT_LOSS : 0;
    out->traits |= is_loss && loss_name_may_be_layer(text) ? TRAIT_LOSS_LIKE : 0;
    return is_known || is_loss ? NAME_HARMLESS : NAME_UNKNOWN;
}

/* Levenshtein: how many letters are to be put in, taken out or changed. */
static size_t distance(const char *a, const char *b)
{
    size_t length = strnlen(b, NAME_BYTES - 1), row[NAME_BYTES];
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1] = diagonal + 1 < best ? diagonal + 1 : best;
        }
    }
    return row[length];
}

void name_consider(const char *name, const char *known, size_t *nearest, char out[NAME_BYTES])
{
    size_t length = strlen(name), tail = strlen(known);
    bool ends = length > tail && !strcmp(name + length - tail, known) && name[length - tail - 1] == '.';
    size_t away = ends ? 0 : distance(name, known);
    if (away < *nearest && 3 * away <= tail) {
        *nearest = away;
        snprintf(out, NAME_BYTES, "%s", known);
    }
}

/* Considers what a table's rows come out as, behind `prefix`. */
static void consider_table(const struct rename *table, const char *prefix, const char *name, size_t *nearest,
                           char out[NAME_BYTES])
{
    for (; table->theirs; table++) {
        char known[NAME_BYTES];
        bool module = table->ours[strlen(table->ours) - 1] == '.';
        snprintf(known, sizeof known, "%s%s%s", prefix, table->ours, module ? "weight" : "");
        name_consider(name, known, nearest, out);
        snprintf(known, sizeof known, "%s%sbias", prefix, table->ours);
        if (module)
            name_consider(name, known, nearest, out);
    }
}

bool name_nearest_of_backbone(const char *name, char out[NAME_BYTES])
{
    size_t nearest = SIZE_MAX;
    unsigned index = 0, traits = 0;
    char prefix[32];
    name = name_strip(name);
    if (strnlen(name, KEY_BYTES_MAX) == KEY_BYTES_MAX)
        return false;
    const char *block = strstr(name, "blocks.");
    if (block)
        (void)read_block(block + strlen("blocks."), &index, &traits);
    consider_table(outer_names, "", name, &nearest, out);
    snprintf(prefix, sizeof prefix, "blocks.%u.", index);
    if (block)
        consider_table(block_names, prefix, name, &nearest, out);
    return nearest != SIZE_MAX;
}
