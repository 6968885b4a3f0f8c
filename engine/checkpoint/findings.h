/* The 40 findings of CXR-LT 2024, and the codes of a terminology for a name. */
#ifndef CXRD_ENGINE_CHECKPOINT_FINDINGS_H
#define CXRD_ENGINE_CHECKPOINT_FINDINGS_H

enum { FINDINGS_COUNT = 40 };

/* In the order of the published head's outputs. */
extern const char *const findings_names[FINDINGS_COUNT];

extern const char SNOMED_SYSTEM[];
/* The SNOMED CT code a standards body confirms for exactly this label, or NULL: never a guess. */
const char *finding_snomed_code(const char *label);

#endif
