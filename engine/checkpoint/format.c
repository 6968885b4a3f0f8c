#include "engine/checkpoint/format.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { LOOKED_AT_BYTES = 64, TAR_MARK_AT = 257 };

#define READS "This program reads files of torch.save, safetensors, and folders that hold them."

/* The bytes that files of a kind begin with. */
static const struct {
    const char *start;
    size_t size;
    const char *sentence;
} kinds[] = {
    {"\x80\x02\x8a\nl\xfc\x9c", 7,
     "It is in the format of PyTorch before 1.6. Save it again with a newer PyTorch: "
     "torch.save(torch.load(FILE, map_location='cpu'), NEW_FILE)."},
    {"version https://git-lfs", 23,
     "It is a Git LFS pointer, a note of where the file lies: fetch the file itself with 'git lfs pull', or "
     "download it from the model's page."},
    {"GGUF", 4, "It is a GGUF file, as llama.cpp takes it. Take the model's safetensors or .pth file."},
    {"\x89HDF\r\n\x1a\n", 8,
     "It is an HDF5 file, as Keras and TensorFlow write it. Take the model's safetensors or .pth file."},
    {"\x1f\x8b", 2, "It is packed with gzip. Unpack it first."},
    {"\x93NUMPY", 6, "It is one array of NumPy. " READS},
};

static bool starts(struct bytes content, const char *start, size_t size)
{
    return content.size >= size && !memcmp(content.data, start, size);
}

/* Without the byte order mark and the white space before it. */
static struct bytes text_of(struct bytes content)
{
    if (!content.size)
        return content;
    size_t skip = starts(content, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (skip < content.size && isspace(content.data[skip]))
        skip++;
    return (struct bytes){content.data + skip, content.size - skip};
}

static bool is_page(struct bytes content)
{
    static const char *const starts_of_pages[] = {"<!doctype", "<html", "<head", "<?xml"};
    struct bytes text = text_of(content);
    for (size_t i = 0; i < sizeof starts_of_pages / sizeof *starts_of_pages; i++) {
        size_t length = strlen(starts_of_pages[i]);
        if (text.size >= length && !strncasecmp((const char *)text.data, starts_of_pages[i], length))
            return true;
    }
    return false;
}

/* A protocol buffer whose first fields are a version and the producer's name. */
static bool is_onnx(struct bytes content)
{
    return content.size > 5 && content.data[0] == 0x08 && content.data[1] < 0x20 && content.data[2] == 0x12 &&
           content.data[3] < 0x40 && isprint(content.data[4]);
}

static bool is_zeros(struct bytes content)
{
    size_t i = 0;
    while (i < content.size && i < LOOKED_AT_BYTES && !content.data[i])
        i++;
    return i == content.size || i == LOOKED_AT_BYTES;
}

enum format format_of(struct bytes content)
{
    if (starts(content, "PK\x03\x04", 4) || starts(content, "PK\x05\x06", 4))
        return FORMAT_ZIP;
    if (content.size > 9 && content.data[8] == '{' &&
        content.data[5] + content.data[6] + content.data[7] == 0) /* eight bytes of length, and JSON */
        return FORMAT_SAFETENSORS;
    struct bytes text = text_of(content);
    return text.size && *text.data == '{' ? FORMAT_JSON : FORMAT_OTHER;
}

/* NULL: it is of no kind that is known. */
static const char *sentence_of(struct bytes content)
{
    const char *sentence = NULL;
    for (size_t i = 0; !sentence && i < sizeof kinds / sizeof *kinds; i++)
        if (starts(content, kinds[i].start, kinds[i].size))
            sentence = kinds[i].sentence;
    if (!text_of(content).size)
        sentence = "It is empty. Copy or download it again.";
    else if (is_page(content))
        sentence = "It is a web page that was saved in the file's place, as where a download wants a login "
                   "or fails. "
                   "Download the file again.";
    else if (!sentence && is_onnx(content))
        sentence = "It is an ONNX file. Take the model's safetensors or .pth file.";
    else if (!sentence && is_zeros(content))
        sentence = "It begins with zeros only: its download did not end. Download it again.";
    else if (!sentence && content.size > TAR_MARK_AT + 5 && !memcmp(content.data + TAR_MARK_AT, "ustar", 5))
        sentence = "It is a tar archive. Unpack it first.";
    else if (!sentence && content.size > 1 && content.data[0] == 0x80 && content.data[1] >= 2 &&
             content.data[1] <= 5)
        sentence = "It is a pickle that torch.save did not write. " READS;
    return sentence;
}

bool format_is_foreign(struct bytes content)
{
    return sentence_of(content) != NULL;
}

enum status format_refuse(struct bytes content, struct failure *failure)
{
    const char *sentence = sentence_of(content);
    return failure_set(failure, STATUS_INVALID_FILE, "%s",
                       sentence ? sentence : "It is of no kind that this program knows. " READS);
}
