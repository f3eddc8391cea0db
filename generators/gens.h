#pragma once

#include <rapidcheck.h>

#include <concepts>
#include <cstdint>
#include <set>
#include <vector>

/// Small generators that the others are composed from. None depends on RapidCheck's size: a limit of a small
/// tree is as varied as one of a large tree. Only trees grow with the size.
namespace treeline {

/// From least to most, both included, evenly.
template <std::integral T>
rc::Gen<T> uniform(T least, T most) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(least, static_cast<T>(most + 1)));
}

/// From least (≥ 1) to most, each factor of two as likely as any other.
rc::Gen<int64_t> log_uniform(int64_t least, int64_t most);

/// True in `percent` of the draws.
rc::Gen<bool> chance(int percent);

/// One element of a non-empty list.
template <typename T>
rc::Gen<T> one_of(std::vector<T> values) {
  return rc::gen::map(uniform<size_t>(0, values.size() - 1),
                      [values](size_t chosen) { return values[chosen]; });
}

/// Each element with the given chance, in order.
template <typename T>
rc::Gen<std::vector<T>> each_with(int percent, std::vector<T> values) {
  return rc::gen::exec([percent, values] {
    std::vector<T> kept;
    for (const T& value : values) {
      if (*chance(percent)) kept.push_back(value);
    }
    return kept;
  });
}

/// `count` elements of the list (all, if it has no more), in order.
template <typename T>
rc::Gen<std::vector<T>> some_of(size_t count, std::vector<T> values) {
  return rc::gen::exec([count, values] {
    std::vector<T> kept = values;
    while (kept.size() > count) {
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(*uniform<size_t>(0, kept.size() - 1)));
    }
    return kept;
  });
}

/// `total` cut into `parts` parts of at least `least` each (parts · least ≤ total).
rc::Gen<std::vector<int64_t>> parts_of(int64_t total, int parts, int64_t least);

}  // namespace treeline
