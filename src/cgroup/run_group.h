#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "cgroup/hierarchies.h"
#include "model/error.h"

namespace treeline {

/// Name of the group (and of a file or folder while it is written) that a process owns:
/// "treeline-PID-STARTTIME[-TAG]", with field 22 of /proc/PID/stat, so that a reused pid is not mistaken for
/// the owner.
std::string run_group_name(pid_t owner, const std::string& tag = {});

/// Whether the process that the name tells of still lives. False for names of other forms.
bool owner_is_alive(const std::string& name);
bool is_run_group_name(const std::string& name);

/// Removes the files and folders of dead owners in `folder`.
void sweep_folder(const std::string& folder);

/// Ends and removes one group, with all below it, in every hierarchy where it exists. Works without any
/// state, so also for what a killed executor has left.
Result<void> remove_run_group(const Hierarchies& hierarchies, const std::string& name);

/// Removes the groups of dead owners in every hierarchy, and their folders in `scratch_dir`; those of live
/// ones are left alone. Returns the names removed.
Result<std::vector<std::string>> sweep(const Hierarchies& hierarchies, const std::string& scratch_dir);

}  // namespace treeline
