#include "engine/dicom/dicom.h"

#include "engine/dicom/pixels.h"

#include <stdlib.h>
#include <string.h>

/* The SOP class of the object, else that of the file around it. */
static void class_of(const struct dataset *set, char out[DICOM_UID_BYTES])
{
    if (!dataset_text(set, DICOM_SOP_CLASS, 0, out, DICOM_UID_BYTES))
        dataset_text(set, DICOM_MEDIA_SOP_CLASS, 0, out, DICOM_UID_BYTES);
}

enum object_kind dicom_kind(struct bytes encoded)
{
    struct dataset set;
    char uid[DICOM_UID_BYTES];
    dataset_look(encoded, &set);
    class_of(&set, uid);
    return object_kind(uid);
}

void dicom_size(struct bytes encoded, uint32_t *width, uint32_t *height)
{
    struct dataset set;
    uint16_t rows = 0, columns = 0;
    dataset_look(encoded, &set);
    (void)dataset_word(&set, DICOM_ROWS, 0, &rows);
    (void)dataset_word(&set, DICOM_COLUMNS, 0, &columns);
    *width = columns;
    *height = rows;
}

static enum status check_kind(struct dicom *dicom, struct failure *failure)
{
    char uid[DICOM_UID_BYTES];
    class_of(&dicom->set, uid);
    enum object_kind kind = object_kind(uid);
    if (kind != OBJECT_RADIOGRAPH && kind != OBJECT_FOR_PROCESSING)
        return object_refuse(uid, failure);
    dicom->coding = syntax_coding(dicom->set.syntax);
    if (dicom->coding == CODING_UNKNOWN)
        return syntax_refuse(dicom->set.syntax, failure);
    return STATUS_OK;
}

enum status dicom_open(struct bytes encoded, bool uids, struct failure *failure, struct dicom *out)
{
    struct dicom dicom = {0};
    enum status status = dataset_read(encoded, failure, &dicom.set);
    if (!status)
        status = check_kind(&dicom, failure);
    if (!status)
        status = pixels_describe(&dicom, failure);
    if (!status)
        status = pixels_find(&dicom, failure);
    if (!status)
        status = greyscale_read(&dicom, failure);
    if (!status)
        dicom.remarks |= facts_gather(&dicom.set, uids, &dicom.facts);
    if (status) {
        const struct frame_form form = dicom.form;
        dicom_finish(&dicom);
        dicom.form = form;
    }
    *out = dicom;
    return status;
}

void dicom_finish(struct dicom *dicom)
{
    greyscale_finish(&dicom->greyscale);
    free(dicom->joined);
    dataset_finish(&dicom->set);
    *dicom = (struct dicom){0};
}
