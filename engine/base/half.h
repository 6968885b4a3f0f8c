/* Sixteen-bit floats: IEEE 754 binary16 and bfloat16, converted with round to nearest even. */
#ifndef CXRD_ENGINE_BASE_HALF_H
#define CXRD_ENGINE_BASE_HALF_H

#include <stdint.h>

uint16_t half_from_float(float value);
float half_to_float(uint16_t bits);
uint16_t bfloat16_from_float(float value);
float bfloat16_to_float(uint16_t bits);

#endif
