/* adapter_config.json: what is merged, and what is refused by name. */
#include "engine/checkpoint/adapter.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct failure failure;

/* As PEFT 0.18 writes one whose switches are all off; and what a later one may add that is off. */
START_TEST(what_is_off_is_merged)
{
    static const char text[] =
        "{\"alora_invocation_tokens\": null, \"alpha_pattern\": {}, \"arrow_config\": null, "
        "\"auto_mapping\": "
        "{\"base_model_class\": \"Dinov2Model\"}, \"base_model_name_or_path\": \"dinov2\", \"bias\": "
        "\"none\", "
        "\"corda_config\": null, \"ensure_weight_tying\": false, \"eva_config\": null, \"exclude_modules\": "
        "null, "
        "\"fan_in_fan_out\": false, \"inference_mode\": true, \"init_lora_weights\": true, "
        "\"layer_replication\": "
        "null, \"layers_pattern\": null, \"layers_to_transform\": null, \"loftq_config\": {}, "
        "\"lora_alpha\": 16, "
        "\"lora_bias\": false, \"lora_dropout\": 0.1, \"megatron_config\": null, \"megatron_core\": "
        "\"megatron.core\", \"modules_to_save\": [\"classifier\"], \"peft_type\": \"LORA\", "
        "\"peft_version\": "
        "\"0.18.1\", \"qalora_group_size\": 16, \"r\": 4, \"rank_pattern\": {}, \"revision\": null, "
        "\"target_modules\": [\"query\"], \"target_parameters\": null, \"task_type\": null, "
        "\"trainable_token_indices\": null, \"use_dora\": false, \"use_qalora\": false, \"use_rslora\": "
        "true, "
        "\"use_new\": false, \"new_config\": null, \"new_pattern\": {}}";
    struct adapter_config out = {0};
    ck_assert_msg(!adapter_parse((struct bytes){(const uint8_t *)text, sizeof text - 1}, &failure, &out),
                  "%s", failure.sentence);
    ck_assert_int_eq(out.rank, 4);
    ck_assert(out.root_of_rank);
}
END_TEST

/* Of classes of transformers; others may have any name. */
START_TEST(an_adapter_of_another_class_is_refused)
{
    static const struct {
        const char *class, *library, *type;
        bool fits;
    } cases[] = {
        {"Dinov2Model", "transformers.models.dinov2.modeling_dinov2", "dinov2", true},
        {"Dinov2ForImageClassification", "transformers.models.dinov2.modeling_dinov2", "dinov2", true},
        {"Dinov2WithRegistersModel", "transformers.x", "dinov2_with_registers", true},
        {"Dinov2WithRegistersModel", "transformers.x", "dinov2-with-registers", true},
        {"Dinov2WithRegistersModel", "transformers.x", "dinov2", false},
        {"Dinov2Model", "transformers.x", "dinov2_with_registers", false},
        {"LlamaModel", "transformers.models.llama.modeling_llama", "dinov2", false},
        {"MyProbe", "probes", "dinov2", true},
        {"LlamaModel", "transformers.models.llama.modeling_llama", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        struct adapter_config out = {0};
        const int length = snprintf(text, sizeof text,
                                    "{\"r\": 4, \"lora_alpha\": 4, \"auto_mapping\": {\"base_model_class\": "
                                    "\"%s\", \"parent_library\": \"%s\"}}",
                                    cases[i].class, cases[i].library);
        ck_assert_msg(!adapter_parse((struct bytes){(const uint8_t *)text, (size_t)length}, &failure, &out),
                      "%s", failure.sentence);
        const enum status status = adapter_check_class(&out, cases[i].type, &failure);
        ck_assert_msg(status == (cases[i].fits ? STATUS_OK : STATUS_INVALID_FILE), "%zu", i);
    }
    ck_assert_str_eq(failure.sentence,
                     "adapter_config.json says that the adapter was trained on a LlamaModel, and the "
                     "configuration of the weights says model_type: dinov2: they do not belong "
                     "together.");
}
END_TEST

#define NOT_SUPPORTED \
    ", which is not supported: merge the adapter in PEFT (merge_and_unload) and save the model."

START_TEST(what_is_not_merged_is_named)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"r\": 4, \"lora_alpha\": 8, \"rank_pattern\": {\"qkv\": 8}}",
         "It has \"rank_pattern\", which is not supported: merge the adapter in PEFT (merge_and_unload) and "
         "save the "
         "model."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"use_dora\": true}",
         "It has \"use_dora\", which is not supported: merge the adapter in PEFT (merge_and_unload) and save "
         "the model."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"bias\": \"all\"}",
         "Its \"bias\" is 'all', and only none is supported: merge the adapter in PEFT (merge_and_unload) "
         "and save the "
         "model."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"layer_replication\": [[0, 4], [2, 5]]}",
         "It has \"layer_replication\", which is not supported: merge the adapter in PEFT (merge_and_unload) "
         "and "
         "save the model."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"init_lora_weights\": 1}",
         "Its \"init_lora_weights\" is neither a text nor true or false."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"target_modules\": 3}",
         "Its \"target_modules\" is neither a text nor a list of texts."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"exclude_modules\": [1]}",
         "Its \"exclude_modules\" is neither a text nor a list of texts."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"layers_to_transform\": [-1]}",
         "Its \"layers_to_transform\" is no number of a block, nor a list of them."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"layers_pattern\": \"h\"}",
         "Its \"layers_pattern\" names no list of blocks that this program knows."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"modules_to_save\": [\"embeddings\"]}",
         "Its \"modules_to_save\" names 'embeddings', of which PEFT does not save all: merge the adapter in "
         "PEFT "
         "(merge_and_unload) and save the model."},
        {"{\"peft_type\": \"IA3\"}", "Its \"peft_type\" is 'IA3', and only LORA is merged."},
        {"{\"peft_type\": 3}", "Its \"peft_type\" is no text."},
        {"{\"bias\": true}", "Its \"bias\" is no text."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"use_dora\": \"true\"}",
         "Its \"use_dora\" is neither true nor false."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"use_dora\": {}}", "Its \"use_dora\" is neither true nor false."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"use_rslora\": 1}", "Its \"use_rslora\" is neither true nor false."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"fan_in_fan_out\": \"no\"}",
         "Its \"fan_in_fan_out\" is neither true nor false."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"lora_bias\": 1}", "Its \"lora_bias\" is neither true nor false."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"use_qalora\": true}", "It has \"use_qalora\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"alpha_pattern\": \"8\"}", "It has \"alpha_pattern\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"alora_invocation_tokens\": [1]}",
         "It has \"alora_invocation_tokens\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"trainable_token_indices\": {\"a\": [1]}}",
         "It has \"trainable_token_indices\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"megatron_config\": {\"a\": 1}}",
         "It has \"megatron_config\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"target_parameters\": [\"cls_token\"]}",
         "It has \"target_parameters\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"arrow_config\": {\"top_k\": 1}}",
         "It has \"arrow_config\"" NOT_SUPPORTED},
        {"{\"r\": 4, \"lora_alpha\": 8, \"use_Dora\": true}",
         "It has \"use_Dora\", which this program does not know, and which may change what the adapter adds: "
         "merge "
         "the adapter in PEFT (merge_and_unload) and save the model."},
        {"{\"r\": 4, \"lora_alpha\": 8, \"gain\": 2}",
         "It has \"gain\", which this program does not know, and which may change what the adapter adds: "
         "merge the "
         "adapter in PEFT (merge_and_unload) and save the model."},
        {"[1]", "It has no \"r\" and \"lora_alpha\" that are numbers over 0, so it is no LoRA adapter's."},
        {"{\"r\": 0, \"lora_alpha\": 8}",
         "It has no \"r\" and \"lora_alpha\" that are numbers over 0, so it is no LoRA "
         "adapter's."},
        {"[]", "It has no \"r\" and \"lora_alpha\" that are numbers over 0, so it is no LoRA adapter's."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct adapter_config out = {.alpha = 77};
        const struct bytes text = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        ck_assert_int_eq(adapter_parse(text, &failure, &out), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        ck_assert_double_eq(out.alpha, 77);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, what_is_off_is_merged);
    tcase_add_test(all, what_is_not_merged_is_named);
    tcase_add_test(all, an_adapter_of_another_class_is_refused);
    return suite_run("adapter_config", all);
}
