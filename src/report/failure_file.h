#pragma once

#include <string>

#include "model/counterexample.h"
#include "store/failures.h"

namespace treeline {

/// A failure with what its file says.
struct LoadedFailure {
  Counterexample example;  ///< Where the file cannot be read: the minimal scenario as it was first seen.
  std::string file;        ///< Where it was found, else as the database names it.
  std::string trouble;     ///< Why the file cannot be read; "" if it can.
};

/// The database names files as they were called when they were written, so perhaps from another working
/// directory: then `folder`/failures is where they are, those of a night in a folder for each machine.
LoadedFailure load_failure(const StoredFailure& known, const std::string& folder);

/// Where to find the file, without reading it.
std::string file_of(const StoredFailure& known, const std::string& folder);

}  // namespace treeline
