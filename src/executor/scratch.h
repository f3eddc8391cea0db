#pragma once

#include <string>
#include <vector>

#include "model/error.h"
#include "model/scenario.h"

namespace treeline {

/// The run's folder with the files that workers read and write: allocated and on disk for I/O hogs, sparse
/// for memory hogs of the file kind. Made only if some worker needs one; removed by the destructor.
class Scratch {
 public:
  static Result<Scratch> create(const std::string& folder, const Scenario& scenario);
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  /// Of worker i; "" if it needs none.
  const std::string& file(size_t i) const { return files_[i]; }

 private:
  Scratch() = default;
  std::string folder_;
  std::vector<std::string> files_;
};

}  // namespace treeline
