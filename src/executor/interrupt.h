#pragma once

namespace treeline {

/// SIGTERM, SIGINT and the parent's death ask the executor to clean up and leave.
void watch_interrupts();
bool interrupted();

}  // namespace treeline
