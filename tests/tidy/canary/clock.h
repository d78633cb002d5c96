// Reads the clock behind the back of the seams.
#pragma once
inline auto t() { return std::chrono::steady_clock::now(); }
