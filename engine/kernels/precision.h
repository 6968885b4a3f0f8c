/* How weights are held and multiplied: what a person may ask for. */
#ifndef CXRD_ENGINE_KERNELS_PRECISION_H
#define CXRD_ENGINE_KERNELS_PRECISION_H

enum precision {
    PRECISION_AUTO, /* what the device is fastest with */
    PRECISION_FP16, /* weights in float16 */
    PRECISION_FP32, /* weights and activations in float32 */
    PRECISIONS
};

#endif
