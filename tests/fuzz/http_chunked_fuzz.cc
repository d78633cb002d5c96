// The chunked coding: however the bytes are split, the body, its end and its faults are the same.
#include "src/base/assert.h"
#include "src/http/chunked.h"

#include <algorithm>

using larder::http::ChunkedDecoder;

namespace {

struct Outcome {
    std::string body;
    ChunkedDecoder::State state = ChunkedDecoder::State::framing;
    std::size_t used = 0;
    bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view bytes, std::size_t piece) {
    ChunkedDecoder decoder;
    Outcome out;
    for (std::size_t end = std::min(piece, bytes.size());; end = std::min(end + piece, bytes.size())) {
        for (bool progress = true; progress;) {
            const auto here = bytes.substr(out.used, end - out.used);
            std::size_t n = decoder.advance(here);
            if (const auto data = std::min<std::size_t>(decoder.remaining(), here.size() - n); data > 0) {
                out.body += here.substr(n, data);
                decoder.took(data);
                n += data;
            }
            out.used += n;
            progress = n > 0;
        }
        if (end == bytes.size()) break;
    }
    out.state = decoder.state();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16 * 1024) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = decode(bytes, size + 1);
    ENSURE(whole == decode(bytes, 1));
    ENSURE(whole == decode(bytes, 7));
    ENSURE(whole.body.size() <= whole.used && whole.used <= size);
    return 0;
}
