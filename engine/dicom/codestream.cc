/* GDCM's decoders of compressed frames. No other file includes C++. */
#include "engine/dicom/codestream.h"

#include "engine/dicom/codec_watch.h"

#include <cstring>
#include <new>
#include <string>

#include <gdcmDataElement.h>
#include <gdcmFragment.h>
#include <gdcmJPEG2000Codec.h>
#include <gdcmJPEGCodec.h>
#include <gdcmJPEGLSCodec.h>
#include <gdcmPhotometricInterpretation.h>
#include <gdcmPixelFormat.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

namespace
{

/* Pixel data of one fragment, of an even length as all are. */
gdcm::DataElement fragment_of(const uint8_t *codestream, size_t bytes)
{
    std::string padded(reinterpret_cast<const char *>(codestream), bytes);
    padded.resize(padded.size() + padded.size() % 2);
    gdcm::Fragment fragment;
    fragment.SetByteValue(padded.data(), static_cast<uint32_t>(padded.size()));
    gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments = gdcm::SequenceOfFragments::New();
    fragments->AddFragment(fragment);
    gdcm::DataElement pixels(gdcm::Tag(0x7fe0, 0x0010), gdcm::VL(0xFFFFFFFF), gdcm::VR::OB);
    pixels.SetValue(*fragments);
    return pixels;
}

/* The codec leaves colours as the codestream has them: it is told of none that it would turn. */
template <typename Codec>
bool decode(Codec &codec, const gdcm::DataElement &pixels, const struct frame_form &form,
            gdcm::DataElement &out)
{
    const unsigned dimensions[3] = {form.columns, form.rows, 1};
    const auto bits = static_cast<unsigned short>(form.stored);
    const gdcm::PixelFormat format(static_cast<unsigned short>(form.channels),
                                   static_cast<unsigned short>(form.allocated), bits,
                                   static_cast<unsigned short>(bits - 1), form.is_signed);
    codec.SetNumberOfDimensions(2);
    codec.SetDimensions(dimensions);
    codec.SetPlanarConfiguration(0);
    codec.SetPhotometricInterpretation(form.channels == 3 ? gdcm::PhotometricInterpretation::RGB
                                                          : gdcm::PhotometricInterpretation::MONOCHROME2);
    codec.SetPixelFormat(format);
    codec.SetNeedOverlayCleanup(false);
    return codec.Decode(pixels, out);
}

bool decode_any(enum coding coding, const gdcm::DataElement &pixels, const struct frame_form &form,
                size_t size, gdcm::DataElement &out)
{
    switch (coding) {
    case CODING_JPEG:
    case CODING_JPEG_LOSSLESS: {
        gdcm::JPEGCodec codec;
        return decode(codec, pixels, form, out);
    }
    case CODING_JPEG_LS: {
        gdcm::JPEGLSCodec codec;
        codec.SetBufferLength(size);
        return decode(codec, pixels, form, out);
    }
    case CODING_JPEG_2000: {
        gdcm::JPEG2000Codec codec;
        return decode(codec, pixels, form, out);
    }
    default:
        return false;
    }
}

} // namespace

enum codestream_result codestream_decode(enum coding coding, const uint8_t *codestream,
                                         size_t codestream_bytes, const struct frame_form *form, uint8_t *out,
                                         size_t size)
try {
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
    gdcm::DataElement decoded;
    codec_watch_begin(codestream, codestream_bytes);
    if (!decode_any(coding, fragment_of(codestream, codestream_bytes), *form, size, decoded))
        return CODESTREAM_DAMAGED;
    if (codec_watch_warned())
        return CODESTREAM_DAMAGED;
    const gdcm::ByteValue *value = decoded.GetByteValue();
    if (!value)
        return CODESTREAM_DAMAGED;
    const size_t length = value->GetLength(), samples = size / (form->allocated / 8);
    const auto *bytes = reinterpret_cast<const uint8_t *>(value->GetPointer());
    if (length >= size) { /* one byte more where it is odd */
        std::memcpy(out, bytes, size);
        return CODESTREAM_DONE;
    }
    if (length < samples) /* of one byte each, where two are allocated */
        return CODESTREAM_DAMAGED;
    for (size_t i = 0; i < samples; i++) {
        out[2 * i] = bytes[i];
        out[2 * i + 1] = 0;
    }
    return CODESTREAM_DONE;
} catch (const std::bad_alloc &) {
    return CODESTREAM_NO_MEMORY;
} catch (...) {
    return CODESTREAM_DAMAGED;
}
