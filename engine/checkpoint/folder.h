/* A folder as a model is published in: which of its files are what. */
#ifndef CXRD_ENGINE_CHECKPOINT_FOLDER_H
#define CXRD_ENGINE_CHECKPOINT_FOLDER_H

#include "engine/base/status.h"

/* Paths, each NULL when there is no such file. */
struct folder {
    char *weights; /* model.safetensors, its index, pytorch_model.bin, its index, teacher_checkpoint.pth, or
                      the only file that ends as weights do; of a folder of an adapter alone the adapter's */
    char *config;  /* config.yaml, or else config.json */
    char *config_json;    /* config.json */
    char *preprocessor;   /* preprocessor_config.json */
    char *processor;      /* processor_config.json */
    char *adapter;        /* adapter_model.safetensors or .bin: a LoRA adapter, beside weights */
    char *adapter_config; /* adapter_config.json */
};

/* Looks into the folder. Fails with INVALID_FILE when it is a model package, or holds no weights, or several
 * and none of the known names; the sentence names the path and lists them. The caller finishes *out. */
WARN_UNUSED enum status folder_read(const char *path, struct failure *failure, struct folder *out);
void folder_finish(struct folder *folder);

#endif
