// Operators that make their output a few rows at a time, each from the rows of the one before: an image between two of
// them is never in memory as a whole.
//
// A maker has kRows (of its image), kRowBytes, kBatchRows, and make(target), which puts the next kBatchRows rows there, or
// what is left of them. A source gives one row after another: next(), valid until the next one. The input of a kernel gives
// rows by their number: row(y), in rising order; how many of them stay valid, see below.
#pragma once

#include <stdint.h>
#include <string.h>

namespace tinyaudio {
namespace nn {

// An image in memory, of which a kernel takes any row.
template <int32_t kRowBytes>
struct WholeImage {
    const int8_t* first;

    const int8_t* row(int32_t y) const { return first + y * kRowBytes; }
};

// The same, one row after another.
template <int32_t kRowBytes>
class StoredRows {
public:
    explicit StoredRows(const int8_t* first) : next_(first) {}

    const int8_t* next() {
        const int8_t* const row = next_;
        next_ += kRowBytes;
        return row;
    }

private:
    const int8_t* next_;
};

// The rows of a maker. `buffer`: int8[kBatchRows * kRowBytes].
template <typename Maker>
class BufferedRows {
public:
    BufferedRows(Maker& maker, int8_t* buffer) : maker_(maker), buffer_(buffer) {}

    const int8_t* next() {
        if (given_ == Maker::kBatchRows) {
            given_ = 0;
        }
        if (given_ == 0) {
            maker_.make(buffer_);
        }
        return buffer_ + Maker::kRowBytes * given_++;
    }

private:
    Maker& maker_;
    int8_t* const buffer_;
    int32_t given_ = 0;  // rows of the buffer
};

template <typename Maker>
BufferedRows<Maker> buffered(Maker& maker, int8_t* buffer) {
    return BufferedRows<Maker>(maker, buffer);
}

// Rows of a source by their numbers, each of which is asked for once at most; those that nobody asks for are passed over.
template <typename Source>
class NumberedRows {
public:
    explicit NumberedRows(Source source) : source_(source) {}

    const int8_t* row(int32_t y) {
        for (; next_ < y; ++next_) {
            source_.next();
        }
        ++next_;
        return source_.next();
    }

private:
    Source source_;
    int32_t next_ = 0;
};

// Rows of a source by their numbers, of which the last kWindow stay valid. `ring`: int8[kWindow * kRowBytes].
template <typename Source, int32_t kWindow, int32_t kRowBytes>
class WindowRows {
public:
    WindowRows(Source source, int8_t* ring) : source_(source), ring_(ring) {}

    const int8_t* row(int32_t y) {
        for (; next_ <= y; ++next_) {
            memcpy(ring_ + next_ % kWindow * kRowBytes, source_.next(), kRowBytes);
        }
        return ring_ + y % kWindow * kRowBytes;
    }

private:
    Source source_;
    int8_t* const ring_;
    int32_t next_ = 0;
};

// All rows of a maker into an image in memory.
template <typename Maker>
void make_rows(Maker maker, int8_t* image) {
    for (int32_t y = 0; y < Maker::kRows; y += Maker::kBatchRows) {
        maker.make(image);
        image += Maker::kBatchRows * Maker::kRowBytes;
    }
}

}  // namespace nn
}  // namespace tinyaudio
